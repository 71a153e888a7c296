security-title = Anmeldung und Sicherheit
security-second-factor = Bestätigung in zwei Schritten
security-second-factor-on = Eingeschaltet. Nach dem Passwort geben Sie einen Code aus Ihrer Authenticator-App ein.
security-recovery-codes = { $count ->
    [0] Sie haben keine Wiederherstellungscodes mehr. Erzeugen Sie neue, sonst können Sie sich ohne die App nicht anmelden.
    [one] Sie haben noch { $count } Wiederherstellungscode.
   *[other] Sie haben noch { $count } Wiederherstellungscodes.
}
security-second-factor-off = Ausgeschaltet. Wer Ihr Passwort erfährt, kann sich als Sie anmelden. Eine Authenticator-App auf Ihrem Telefon verhindert das.
security-back = Zurück zu Anmeldung und Sicherheit
security-link = Anmeldung und Sicherheit

code-label = Code
code-hint = Der sechsstellige Code aus Ihrer App oder einer Ihrer Wiederherstellungscodes.
code-error-wrong = Dieser Code ist ungültig. Jeder Code gilt nur einmal und nur kurze Zeit. Warten Sie auf den nächsten.
code-error-too-many = Zu viele falsche Codes. Warten Sie { $wait } und versuchen Sie es dann noch einmal.
code-sign-in-title = Geben Sie Ihren Code ein
code-sign-in-intro = Öffnen Sie Ihre Authenticator-App und geben Sie den Code ein, den sie für dieses Konto anzeigt.

authenticator-title = Authenticator-App einrichten
authenticator-intro = Mit einer Authenticator-App auf Ihrem Telefon reicht Ihr Passwort allein nicht mehr zum Anmelden. Jede App für Einmalcodes funktioniert. Vielleicht müssen Sie sie einrichten, um fortzufahren.
authenticator-start = Beginnen
authenticator-scan = Scannen Sie diesen QR-Code mit Ihrer Authenticator-App.
authenticator-picture = QR-Code mit dem Schlüssel für Ihre Authenticator-App
authenticator-type = Oder geben Sie diesen Schlüssel in der App ein:
authenticator-code = Code aus der App
authenticator-confirm = Bestätigen
authenticator-error = Dieser Code stimmt nicht. Geben Sie den Code ein, den die App jetzt anzeigt, und prüfen Sie, ob die Uhr Ihres Telefons richtig geht.

recovery-codes-title = Ihre Wiederherstellungs{ "\u00AD" }codes
recovery-codes-intro = Wenn Sie Ihr Telefon nicht zur Hand haben, können Sie sich mit jedem dieser Codes einmal anmelden, zusammen mit Ihrem Passwort. Drucken Sie sie aus oder schreiben Sie sie auf, und bewahren Sie sie sicher auf.
recovery-codes-once = Sie werden <strong>nur dieses eine Mal</strong> angezeigt. Frühere Codes gelten nicht mehr.
recovery-codes-next = Ich habe sie gesichert
recovery-codes-next-device = Ich habe sie gesichert: Gerät verbinden
recovery-codes-renew-title = Neue Wiederherstellungs{ "\u00AD" }codes erzeugen
recovery-codes-renew-intro = Ihre aktuellen Codes gelten nicht mehr, sobald Sie neue erzeugen. Geben Sie zur Bestätigung einen Code ein.
recovery-codes-renew-submit = Neue Wiederherstellungscodes erzeugen

removal-title = Authenticator-App entfernen
removal-intro = Danach genügt zum Anmelden Ihr Passwort. Geben Sie zur Bestätigung einen Code ein.
removal-submit = App entfernen
removal-done-title = Authenticator-App entfernt
removal-done = Sie melden sich jetzt nur noch mit Ihrem Passwort an. Ihre Wiederherstellungscodes gelten nicht mehr.

password-title = Passwort ändern
password-current = Aktuelles Passwort
password-new = Neues Passwort
password-repeated = Neues Passwort wiederholen
password-hint = { $least } bis { $most } Zeichen. Mehrere Wörter hintereinander sind leicht zu merken und schwer zu erraten.
password-end-browsers = Alle anderen Browser abmelden
password-end-devices = Auch alle meine Geräte trennen
password-submit = Passwort ändern
password-error-wrong = Ihr aktuelles Passwort ist falsch.
password-error-length = Ein Passwort muss { $least } bis { $most } Zeichen haben.
password-error-username = Ihr Benutzername darf nicht Ihr Passwort sein.
password-error-common = Dieses Passwort ist zu leicht zu erraten. Bitte wählen Sie ein anderes.
password-error-repeated = Die beiden neuen Passwörter stimmen nicht überein.
password-done-title = Passwort geändert
password-done = Verwenden Sie ab jetzt das neue Passwort.
