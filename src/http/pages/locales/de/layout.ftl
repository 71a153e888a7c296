layout-warning = Wer es ehrlich meint, schickt Ihnen keinen Code. Machen Sie nur weiter, wenn Sie das hier selbst begonnen haben.
layout-signed-in = Angemeldet als { $account }
layout-sign-out = Abmelden
layout-language = Sprache
layout-error-title = Fehler: { $title }
layout-list-separator = { ", " }
