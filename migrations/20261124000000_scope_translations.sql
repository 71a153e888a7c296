-- The words of a scope in other languages, by language tag (RFC 5646), as src/model/scope_translations.rs describes them.
ALTER TABLE scopes ADD COLUMN translations jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT scopes_translations_are_object CHECK (jsonb_typeof(translations) = 'object');

-- Only where nobody has chosen other words.
UPDATE scopes s SET translations = jsonb_build_object('de', v.de, 'zh-Hans', v.zh)
FROM (VALUES
    ('openid', 'Know who you are: your account''s identifier',
     'Wissen, wer Sie sind: die Kennung Ihres Kontos', '知道您是谁：您的账户标识符'),
    ('profile', 'See your name and username', 'Ihren Namen und Benutzernamen sehen', '查看您的姓名和用户名'),
    ('email', 'See your e-mail address', 'Ihre E-Mail-Adresse sehen', '查看您的电子邮件地址'),
    ('offline_access', 'Stay signed in while you are not there',
     'Angemeldet bleiben, auch wenn Sie nicht da sind', '在您离开时保持登录'),
    ('devices', 'See and manage the devices you connected',
     'Die Geräte sehen und verwalten, die Sie verbunden haben', '查看并管理您连接的设备'),
    ('clients', 'See and manage the apps you created',
     'Die Apps sehen und verwalten, die Sie angelegt haben', '查看并管理您创建的应用'),
    ('device:approve', 'Approve other devices in your name',
     'In Ihrem Namen weitere Geräte erlauben', '以您的名义批准其他设备'),
    ('admin', 'Administer this server: see and control everything',
     'Diesen Server verwalten: alles sehen und steuern', '管理此服务器：查看并控制一切')
) AS v (name, description, de, zh)
WHERE s.name = v.name AND s.description = v.description;
