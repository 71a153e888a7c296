security-title = How you sign in
security-second-factor = Second factor
security-second-factor-on = An authenticator app is set up. After your password, signing in asks for its code.
security-recovery-codes = { $count ->
    [0] You have no recovery codes left. Make new ones, or you cannot sign in without the app.
    [one] You have { $count } recovery code left.
   *[other] You have { $count } recovery codes left.
}
security-second-factor-off = There is none: whoever learns your password can sign in as you. An authenticator app on your phone prevents that.
security-back = Back to how you sign in
security-link = How you sign in

code-label = Code
code-hint = Six digits from your app, or one of your recovery codes.
code-error-wrong = This code does not work. Each is good once and only for a short time: wait for the next one.
code-error-too-many = Too many codes that did not work. Please wait { $wait }, then try again.
code-sign-in-title = Enter your code
code-sign-in-intro = Open your authenticator app and enter the code that it shows for this account.

authenticator-title = Set up an authenticator app
authenticator-intro = With an authenticator app on your phone, your password alone opens nothing any more. Any app for one-time codes will do. You may need this to go on.
authenticator-start = Start
authenticator-scan = Scan this picture with your authenticator app.
authenticator-picture = QR code with the key for your authenticator app
authenticator-type = Or type this key into the app:
authenticator-code = Code that the app shows now
authenticator-confirm = Confirm
authenticator-error = This code is not right. Take the one that the app shows now, and check the clock of your phone.

recovery-codes-title = Your recovery codes
recovery-codes-intro = Each of them signs you in once, together with your password, when you do not have the app at hand. Print them or write them down, and keep them safe.
recovery-codes-once = You see them <strong>this one time only</strong>. Codes from before are void.
recovery-codes-next = I have kept them
recovery-codes-next-device = I have kept them: connect the device
recovery-codes-renew-title = Make new recovery codes
recovery-codes-renew-intro = The codes you have now are void as soon as the new ones are made. Confirm with a code.
recovery-codes-renew-submit = Make new recovery codes

removal-title = Remove the authenticator app
removal-intro = From then on your password alone signs you in. Confirm with a code.
removal-submit = Remove the app
removal-done-title = The app is removed
removal-done = Signing in asks for your password only. Your recovery codes are void.

password-title = Change your password
password-current = Current password
password-new = New password
password-repeated = New password once more
password-hint = { $least } to { $most } characters. Some words in a row are easy to remember and hard to guess.
password-end-browsers = Sign me out of all other browsers
password-end-devices = Disconnect all my devices as well
password-submit = Change password
password-error-wrong = Your current password is wrong.
password-error-length = A password has { $least } to { $most } characters.
password-error-username = Your user name is not a password.
password-error-common = This password is among the first that anybody would try. Please choose another.
password-error-repeated = The new password is not the same both times.
password-done-title = Your password is changed
password-done = Use the new one from now on.
