layout-warning = 正当的个人或机构都不会把代码发给您。只有在您本人发起此操作时才继续。
layout-signed-in = 已登录：{ $account }
layout-sign-out = 退出登录
layout-language = 语言
layout-error-title = 错误：{ $title }
layout-list-separator = 、
