sign-in-title = Anmelden
sign-in-connecting = Sie verbinden das Gerät, das { $code } zeigt
sign-in-again = Bitte geben Sie Ihr Passwort noch einmal ein. Ein Gerät lässt sich nur kurz nach einer Anmeldung verbinden. So kann es niemand sonst tun, der an diesen Browser kommt.
sign-in-username = Benutzername
sign-in-password = Passwort
sign-in-submit = Anmelden
sign-in-error-wrong = Name oder Passwort ist falsch. Wenn beides sicher stimmt, nehmen Sie bitte einen Browser, in dem Sie schon einmal angemeldet waren, oder bitten Sie Ihre Administratoren um einen Link für ein neues Passwort.
sign-in-error-too-many = Zu viele Versuche. Bitte warten Sie { $wait } und versuchen Sie es dann noch einmal.
