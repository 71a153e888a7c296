//! The person of `latchkey demo --auto-approve`: opens the link, signs in and approves, through the same pages
//! and forms as anybody.

use std::collections::HashMap;

use reqwest::{Client, Response, Url};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Follows the link on the device's screen up to the last page.
pub(super) async fn approve(link: &str, username: &str, password: &str) -> Result<(), Error> {
    let browser = Client::builder().cookie_store(true).no_proxy().build()?;
    let device = Page::read(browser.get(link).send().await?).await?;
    let sign_in = device.submit(&browser, "/device", &[]).await?;
    let consent =
        sign_in.submit(&browser, "/sign-in", &[("username", username), ("password", password)]).await?;
    let result = consent.submit(&browser, "/device/consent", &[("decision", "approve")]).await?;
    if result.html.contains("Your device is connected") {
        Ok(())
    } else {
        Err("automatic approval failed: the last page was not the approval page".into())
    }
}

/// A page as it was received.
struct Page {
    url: Url,
    html: String,
}

impl Page {
    async fn read(response: Response) -> Result<Self, Error> {
        let response = response.error_for_status()?;
        Ok(Self { url: response.url().clone(), html: response.text().await? })
    }

    /// Sends the page's form for `action`, as the page filled it in, with `answers` over it.
    async fn submit(&self, browser: &Client, action: &str, answers: &[(&str, &str)]) -> Result<Self, Error> {
        let start = self
            .html
            .find(&format!("action=\"{action}\""))
            .ok_or_else(|| format!("the page has no form for {action}"))?;
        let form = self.html[start..].split("</form>").next().unwrap_or_default();
        let mut fields: HashMap<&str, &str> =
            form.split("<input ").skip(1).filter_map(name_and_value).collect();
        fields.extend(answers.iter().copied());
        Self::read(browser.post(self.url.join(action)?).form(&fields).send().await?).await
    }
}

/// Name and value of an `<input>`; our own values need no unescaping.
fn name_and_value(input: &str) -> Option<(&str, &str)> {
    let tag = input.split('>').next()?;
    let attribute = |name: &str| tag.split(&format!("{name}=\"")).nth(1)?.split('"').next();
    Some((attribute("name")?, attribute("value").unwrap_or_default()))
}
