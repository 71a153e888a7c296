layout-warning = Wer es ehrlich meint, schickt Ihnen keinen Code. Machen Sie nur weiter, wenn Sie das hier selbst begonnen haben.
layout-signed-in = Angemeldet als { $account }
layout-devices = Ihre Geräte
layout-console = Verwaltung
layout-sign-out = Abmelden
# Links that the tenant gives.
layout-support = Hilfe
layout-privacy = Datenschutz
layout-imprint = Impressum
layout-language = Sprache
layout-error-title = Fehler: { $title }
layout-list-separator = { ", " }
