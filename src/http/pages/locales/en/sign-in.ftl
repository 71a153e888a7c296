sign-in-title = Sign in
sign-in-connecting = Connecting the device that shows { $code }
sign-in-again = Please enter your password again. Connecting a device needs a recent sign-in, so that nobody else who picks up this browser can do it for you.
sign-in-username = Username
sign-in-password = Password
sign-in-submit = Sign in
sign-in-error-wrong = Name or password is wrong.
sign-in-error-too-many = Too many attempts. Please wait { $wait }, then try again.
