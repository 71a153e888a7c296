browser-on-windows = Windows 上的 { $browser }
browser-on-macos = Mac 上的 { $browser }
browser-on-mac-or-ipad = Mac 或 iPad 上的 { $browser }
browser-on-iphone = iPhone 上的 { $browser }
browser-on-ipad = iPad 上的 { $browser }
browser-on-android = Android 上的 { $browser }
browser-on-linux = Linux 上的 { $browser }
browser-on-chromeos = ChromeOS 上的 { $browser }
