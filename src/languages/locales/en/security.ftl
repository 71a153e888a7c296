security-title = Sign-in and security
security-second-factor = Two-step verification
security-second-factor-on = On. After your password, you enter a code from your authenticator app.
security-recovery-codes = { $count ->
    [0] You have no recovery codes left. Create new ones, or you cannot sign in without the app.
    [one] You have { $count } recovery code left.
   *[other] You have { $count } recovery codes left.
}
security-second-factor-off = Off. Anyone who learns your password can sign in as you. An authenticator app on your phone prevents that.
security-back = Back to sign-in and security
security-link = Sign-in and security

code-label = Code
code-hint = The six-digit code from your app, or one of your recovery codes.
code-error-wrong = This code does not work. Each code works once and only for a short time. Wait for the next one.
code-error-too-many = Too many wrong codes. Wait { $wait }, then try again.
code-sign-in-title = Enter your code
code-sign-in-intro = Open your authenticator app and enter the code it shows for this account.

authenticator-title = Set up an authenticator app
authenticator-intro = With an authenticator app on your phone, your password alone is no longer enough to sign in. Any app for one-time codes works. You may need to set this up to continue.
authenticator-start = Start
authenticator-scan = Scan this QR code with your authenticator app.
authenticator-picture = QR code with the key for your authenticator app
authenticator-type = Or enter this key in the app:
authenticator-code = Code shown in the app
authenticator-confirm = Confirm
authenticator-error = This code is not right. Enter the code the app shows now, and check that the clock on your phone is correct.

recovery-codes-title = Your recovery codes
recovery-codes-intro = If you don’t have your phone, each of these codes signs you in once, together with your password. Print them or write them down, and keep them in a safe place.
recovery-codes-once = They are shown <strong>only this once</strong>. Earlier codes no longer work.
recovery-codes-next = I have saved them
recovery-codes-next-device = I have saved them: connect the device
recovery-codes-renew-title = Create new recovery codes
recovery-codes-renew-intro = Your current codes stop working as soon as you create new ones. Enter a code to confirm.
recovery-codes-renew-submit = Create new recovery codes

removal-title = Remove the authenticator app
removal-intro = After this, your password alone is enough to sign in. Enter a code to confirm.
removal-submit = Remove the app
removal-done-title = Authenticator app removed
removal-done = You now sign in with your password only. Your recovery codes no longer work.

password-title = Change your password
password-current = Current password
password-new = New password
password-repeated = Repeat new password
password-hint = { $least } to { $most } characters. Several words in a row are easy to remember and hard to guess.
password-end-browsers = Sign out all other browsers
password-end-devices = Also disconnect all my devices
password-submit = Change password
password-error-wrong = Your current password is wrong.
password-error-length = A password must have { $least } to { $most } characters.
password-error-username = Your password cannot be your username.
password-error-common = This password is too easy to guess. Choose a different one.
password-error-repeated = The new passwords do not match.
password-done-title = Password changed
password-done = Use your new password from now on.
