# What a browser calls itself.
browser-on-windows = { $browser } on Windows
browser-on-macos = { $browser } on a Mac
browser-on-mac-or-ipad = { $browser } on a Mac or iPad
browser-on-iphone = { $browser } on an iPhone
browser-on-ipad = { $browser } on an iPad
browser-on-android = { $browser } on Android
browser-on-linux = { $browser } on Linux
browser-on-chromeos = { $browser } on ChromeOS
browser-somewhere = { $browser }
device-label-client = { $client } ({ $id })
