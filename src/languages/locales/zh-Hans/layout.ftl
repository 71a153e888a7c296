layout-warning = 正当的个人或机构都不会把代码发给您。只有在您本人发起此操作时才继续。
layout-signed-in = 已登录：{ $account }
layout-devices = 您的设备
layout-console = 管理控制台
layout-sign-out = 退出登录
# Links that the tenant gives.
layout-support = 帮助
layout-privacy = 隐私政策
layout-imprint = 法律声明
layout-language = 语言
layout-error-title = 错误：{ $title }
layout-list-separator = 、
