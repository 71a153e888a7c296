sign-in-title = Sign in
sign-in-connecting = Connecting the device that shows { $code }
sign-in-again = Please enter your password again. Connecting a device needs a recent sign-in, so that nobody else who picks up this browser can do it for you.
sign-in-username = Username
sign-in-password = Password
sign-in-submit = Sign in
sign-in-error-wrong = Name or password is wrong. If you are sure of both, use a browser in which you have signed in before, or ask your administrator for a link to set a new password.
sign-in-error-too-many = Too many attempts. Please wait { $wait }, then try again.
