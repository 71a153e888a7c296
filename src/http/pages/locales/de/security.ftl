security-title = So melden Sie sich an
security-second-factor = Zweiter Faktor
security-second-factor-on = Eine Authenticator-App ist eingerichtet. Nach dem Passwort wird beim Anmelden ihr Code verlangt.
security-recovery-codes = { $count ->
    [0] Sie haben keine Wiederherstellungscodes mehr. Erzeugen Sie neue, sonst können Sie sich ohne die App nicht anmelden.
    [one] Sie haben noch { $count } Wiederherstellungscode.
   *[other] Sie haben noch { $count } Wiederherstellungscodes.
}
security-second-factor-off = Es gibt keinen: Wer Ihr Passwort erfährt, kann sich als Sie anmelden. Eine Authenticator-App auf Ihrem Telefon verhindert das.
security-back = Zurück zu Ihren Anmeldedaten
security-link = So melden Sie sich an

code-label = Code
code-hint = Sechs Ziffern aus Ihrer App oder einer Ihrer Wiederherstellungscodes.
code-error-wrong = Dieser Code gilt nicht. Jeder gilt nur einmal und nur kurz: Warten Sie auf den nächsten.
code-error-too-many = Zu viele Codes, die nicht galten. Bitte warten Sie { $wait } und versuchen Sie es dann noch einmal.
code-sign-in-title = Geben Sie Ihren Code ein
code-sign-in-intro = Öffnen Sie Ihre Authenticator-App und geben Sie den Code ein, den sie für dieses Konto zeigt.

authenticator-title = Authenticator-App einrichten
authenticator-intro = Mit einer Authenticator-App auf Ihrem Telefon öffnet Ihr Passwort allein nichts mehr. Jede App für Einmalcodes ist recht. Vielleicht brauchen Sie das, um fortzufahren.
authenticator-start = Beginnen
authenticator-scan = Scannen Sie dieses Bild mit Ihrer Authenticator-App.
authenticator-picture = QR-Code mit dem Schlüssel für Ihre Authenticator-App
authenticator-type = Oder tippen Sie diesen Schlüssel in die App:
authenticator-code = Code, den die App jetzt zeigt
authenticator-confirm = Bestätigen
authenticator-error = Dieser Code stimmt nicht. Nehmen Sie den, den die App jetzt zeigt, und prüfen Sie die Uhr Ihres Telefons.

recovery-codes-title = Ihre Wiederherstellungs{ "\u00AD" }codes
recovery-codes-intro = Mit jedem davon können Sie sich einmal anmelden, zusammen mit Ihrem Passwort, wenn Sie die App nicht zur Hand haben. Drucken Sie sie aus oder schreiben Sie sie auf, und verwahren Sie sie sicher.
recovery-codes-once = Sie sehen sie <strong>nur dieses eine Mal</strong>. Frühere Codes gelten nicht mehr.
recovery-codes-next = Ich habe sie verwahrt
recovery-codes-next-device = Ich habe sie verwahrt: Gerät verbinden
recovery-codes-renew-title = Neue Wiederherstellungs{ "\u00AD" }codes erzeugen
recovery-codes-renew-intro = Ihre jetzigen Codes gelten nicht mehr, sobald es neue gibt. Bestätigen Sie mit einem Code.
recovery-codes-renew-submit = Neue Wiederherstellungscodes erzeugen

removal-title = Authenticator-App entfernen
removal-intro = Danach genügt zum Anmelden Ihr Passwort. Bestätigen Sie mit einem Code.
removal-submit = App entfernen
removal-done-title = Die App ist entfernt
removal-done = Beim Anmelden wird nur noch Ihr Passwort verlangt. Ihre Wiederherstellungscodes gelten nicht mehr.

password-title = Passwort ändern
password-current = Jetziges Passwort
password-new = Neues Passwort
password-repeated = Neues Passwort noch einmal
password-hint = { $least } bis { $most } Zeichen. Einige Wörter hintereinander sind leicht zu merken und schwer zu erraten.
password-end-browsers = Mich in allen anderen Browsern abmelden
password-end-devices = Auch alle meine Geräte trennen
password-submit = Passwort ändern
password-error-wrong = Ihr jetziges Passwort ist falsch.
password-error-length = Ein Passwort hat { $least } bis { $most } Zeichen.
password-error-username = Ihr Benutzername ist kein Passwort.
password-error-common = Dieses Passwort gehört zu den ersten, die jeder versuchen würde. Bitte wählen Sie ein anderes.
password-error-repeated = Das neue Passwort ist nicht beide Male gleich.
password-done-title = Ihr Passwort ist geändert
password-done = Benutzen Sie ab jetzt das neue.
