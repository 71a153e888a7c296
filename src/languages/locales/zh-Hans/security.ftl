security-title = 登录与安全
security-second-factor = 两步验证
security-second-factor-on = 已开启。输入密码后，还需输入身份验证器应用中的验证码。
security-recovery-codes = { $count ->
    [0] 您已没有恢复码。请生成新的恢复码，否则没有该应用时您将无法登录。
   *[other] 您还剩 { $count } 个恢复码。
}
security-second-factor-off = 未开启。任何知道您密码的人都能以您的身份登录。在手机上使用身份验证器应用可以防止这种情况。
security-back = 返回登录与安全
security-link = 登录与安全

code-label = 验证码
code-hint = 应用中的六位验证码，或您的一个恢复码。
code-error-wrong = 此验证码无效。每个验证码只能使用一次，且有效时间很短。请等待下一个。
code-error-too-many = 错误的验证码过多。请等待 { $wait }，然后重试。
code-sign-in-title = 输入验证码
code-sign-in-intro = 请打开身份验证器应用，输入其为此账户显示的验证码。

authenticator-title = 设置身份验证器应用
authenticator-intro = 在手机上使用身份验证器应用后，仅凭密码将无法登录。任何一次性验证码应用均可。您可能需要完成此设置才能继续。
authenticator-start = 开始
authenticator-scan = 请用身份验证器应用扫描此二维码。
authenticator-picture = 包含身份验证器应用密钥的二维码
authenticator-type = 或在应用中输入此密钥：
authenticator-code = 应用当前显示的验证码
authenticator-confirm = 确认
authenticator-error = 此验证码不正确。请输入应用当前显示的验证码，并检查手机时间是否准确。

recovery-codes-title = 您的恢复码
recovery-codes-intro = 如果您手边没有手机，每个恢复码可与密码一起用于登录一次。请打印或抄写下来，并妥善保管。
recovery-codes-once = 恢复码<strong>只显示这一次</strong>。之前的恢复码均已失效。
recovery-codes-next = 我已保存
recovery-codes-next-device = 我已保存：连接设备
recovery-codes-renew-title = 生成新的恢复码
recovery-codes-renew-intro = 生成新的恢复码后，您现有的恢复码立即失效。请输入验证码确认。
recovery-codes-renew-submit = 生成新的恢复码

removal-title = 移除身份验证器应用
removal-intro = 此后仅凭密码即可登录。请输入验证码确认。
removal-submit = 移除应用
removal-done-title = 身份验证器应用已移除
removal-done = 您现在只需密码即可登录。您的恢复码已失效。

password-title = 更改密码
password-current = 当前密码
password-new = 新密码
password-repeated = 再次输入新密码
password-hint = { $least } 到 { $most } 个字符。连用几个词，容易记住又难以猜到。
password-end-browsers = 退出所有其他浏览器的登录
password-end-devices = 同时断开我的所有设备
password-submit = 更改密码
password-error-wrong = 当前密码不正确。
password-error-length = 密码须为 { $least } 到 { $most } 个字符。
password-error-username = 用户名不能用作密码。
password-error-common = 此密码太容易被猜到，请换一个。
password-error-repeated = 两次输入的新密码不一致。
password-done-title = 密码已更改
password-done = 从现在起请使用新密码。
