sign-in-title = 登录
sign-in-connecting = 正在连接显示 { $code } 的设备
sign-in-again = 请再次输入密码。连接设备需要您最近登录过，这样其他拿到此浏览器的人就无法替您连接。
sign-in-username = 用户名
sign-in-password = 密码
sign-in-submit = 登录
sign-in-error-wrong = 用户名或密码错误。如果您确定两者都正确，请使用您以前登录过的浏览器，或向管理员索取设置新密码的链接。
sign-in-error-too-many = 尝试次数过多。请等待 { $wait }，然后重试。
