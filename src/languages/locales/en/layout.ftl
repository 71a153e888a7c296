layout-warning = No one legitimate will ever send you a code. Continue only if you started this yourself.
layout-signed-in = Signed in as { $account }
layout-devices = Your devices
layout-console = Administration console
layout-sign-out = Sign out
# Links that the tenant gives.
layout-support = Help
layout-privacy = Privacy
layout-imprint = Legal notice
layout-language = Language
# The title of a page whose form was not accepted.
layout-error-title = Error: { $title }
# Between the items of a list.
layout-list-separator = { ", " }
