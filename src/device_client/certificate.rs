//! Why a server's certificate is not trusted, in words for people.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What is wrong with the certificate, if that is why a request failed.
pub(super) fn trouble(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = inside(error) {
            return match tls {
                rustls::Error::InvalidCertificate(reason) => Some(words(reason)),
                _ => None,
            };
        }
        next = error.source();
    }
    None
}

/// An I/O error hides what it wraps from `source`.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let wrapped: &(dyn Error + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    inside(wrapped)
}

fn words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was issued for another hostname".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its issuer is not trusted by this machine; add the issuer to the system's certificates, or \
             name a file with it in SSL_CERT_FILE"
                .to_owned()
        }
        // What the verifier says of a certificate that signed itself.
        CertificateError::Other(inner) if inner.to_string().contains("CaUsedAsEndEntity") => {
            "it is self-signed; add it to the system's certificates, or name a file with it in SSL_CERT_FILE"
                .to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => format!("it is not valid ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_with_a_certificate_is_found_inside_other_errors() {
        for (reason, expected) in [
            (CertificateError::Expired, "it has expired"),
            (CertificateError::NotValidForName, "another hostname"),
            (CertificateError::UnknownIssuer, "SSL_CERT_FILE"),
            (CertificateError::BadSignature, "it is not valid"),
        ] {
            let tls = rustls::Error::InvalidCertificate(reason);
            for error in [io::Error::other(tls.clone()), io::Error::other(io::Error::other(tls))] {
                let said = trouble(&error).unwrap();
                assert!(said.contains(expected), "{said}");
            }
        }
        assert_eq!(trouble(&io::Error::other(rustls::Error::HandshakeNotComplete)), None);
        assert_eq!(trouble(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
