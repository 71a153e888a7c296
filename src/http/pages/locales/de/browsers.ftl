browser-on-windows = { $browser } unter Windows
browser-on-macos = { $browser } auf einem Mac
browser-on-mac-or-ipad = { $browser } auf einem Mac oder iPad
browser-on-iphone = { $browser } auf einem iPhone
browser-on-ipad = { $browser } auf einem iPad
browser-on-android = { $browser } unter Android
browser-on-linux = { $browser } unter Linux
browser-on-chromeos = { $browser } unter ChromeOS
