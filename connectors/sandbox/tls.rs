//! HTTPS with a certificate that the sandbox makes for itself, signed by an authority that clients are told to trust.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// The names of this machine for which the certificate holds.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Who the sandbox is over TLS.
#[derive(Clone)]
pub struct Identity {
    authority: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Identity {
    /// Makes an authority, and a certificate for this machine that it signs.
    ///
    /// Its key is forgotten at once, so that nobody can sign anything else in its name.
    pub fn make() -> io::Result<Identity> {
        let authority =
            CertifiedIssuer::self_signed(authority(), KeyPair::generate().map_err(failed)?).map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = own()?.signed_by(&key, &authority).map_err(failed)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(failed)?;
        Ok(Identity { authority: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The authority's certificate, as PEM: what clients trust.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

fn authority() -> CertificateParams {
    let mut params = lasting(CertificateParams::default(), "Dealclock sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn own() -> io::Result<CertificateParams> {
    let names = NAMES.map(str::to_owned).to_vec();
    let mut params = lasting(CertificateParams::new(names).map_err(failed)?, "localhost");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Strict clients, such as Python's, follow this extension from the certificate to the authority.
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Valid whenever the sandbox runs: nobody here reads the clock.
fn lasting(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
