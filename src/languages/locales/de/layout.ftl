layout-warning = Kein seriöser Absender schickt Ihnen einen Code. Machen Sie nur weiter, wenn Sie das hier selbst gestartet haben.
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
