"""Certificates made for one run by the openssl command, good and bad, and servers that show them.

An Authority is a CA of the run; `bad_servers` lists what a client must not talk to. The contexts are
as weak as the certificate needs, so that it is the client who refuses.
"""

import ssl
import subprocess
import warnings

CONF = """
[ca]
default_ca = own
[own]
database = {dir}/index.txt
serial = {dir}/serial
crlnumber = {dir}/crlnumber
new_certs_dir = {dir}
default_md = {digest}
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {name}
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {san}
"""


EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")  # quick to make


def openssl(*arguments):
    done = subprocess.run(["openssl", *[str(a) for a in arguments]], capture_output=True, text=True,
                          timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
    return done.stdout


class Authority:
    def __init__(self, folder, name):
        self.dir = folder / name
        self.dir.mkdir(parents=True)
        self.name = name
        (self.dir / "index.txt").touch()
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "crlnumber").write_text("01\n")
        self.cert, self.key = self.dir / "ca.pem", self.dir / "ca.key"
        openssl("req", "-x509", "-newkey", *EC, "-nodes", "-keyout", self.key, "-out",
                self.cert, "-days", "30", "-config", self.conf(name), "-extensions", "authority")

    def conf(self, name, san="DNS:localhost", digest="sha256"):
        path = self.dir / "openssl.cnf"
        path.write_text(CONF.format(dir=self.dir, name=name, san=san, digest=digest))
        return path

    def issue(self, name, san="DNS:localhost,IP:127.0.0.1,IP:::1", kind=EC, digest="sha256",
              begins=None, ends=None, self_signed=False):
        """A (certificate chain, key) pair. begins, ends: YYYYMMDDHHMMSSZ."""
        cert, key, request = (self.dir / f"{name}.{end}" for end in ("pem", "key", "csr"))
        conf = self.conf(name, san, digest)
        if self_signed:
            openssl("req", "-x509", "-newkey", *kind, "-nodes", "-keyout", key, "-out",
                    cert, "-days", "30", "-config", conf, "-extensions", "server")
            return cert, key
        openssl("req", "-new", "-newkey", *kind, "-nodes", "-keyout", key, "-out", request,
                "-config", conf)
        dates = ("-startdate", begins or "20200101000000Z", "-enddate", ends or "20480101000000Z")
        openssl("ca", "-batch", "-notext", "-config", conf, "-extensions", "server", "-md", digest,
                "-cert", self.cert, "-keyfile", self.key, "-in", request, "-out", cert, *dates)
        return cert, key

    def crl(self, *revoked):
        """A new list with these certificates on it, besides those revoked before."""
        conf, out = self.conf("crl"), self.dir / "crl.pem"
        for cert in revoked:
            openssl("ca", "-config", conf, "-cert", self.cert, "-keyfile", self.key, "-revoke", cert)
        openssl("ca", "-config", conf, "-cert", self.cert, "-keyfile", self.key, "-gencrl", "-out", out)
        return out


def context(pair, oldest=ssl.TLSVersion.TLSv1_2, newest=ssl.TLSVersion.MAXIMUM_SUPPORTED):
    """A server's side, without any demands of its own."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # the old versions are the point
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = oldest, newest
    made.load_cert_chain(*pair)
    return made


def pin(cert):
    """The public key as sha256//BASE64."""
    script = (f"openssl x509 -in {cert} -noout -pubkey | openssl pkey -pubin -outform der"
              " | openssl dgst -sha256 -binary | base64")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                          check=True)
    return "sha256//" + done.stdout.strip()


def bad_servers(authority, stranger):
    """name -> server's context. All but the last two are refused for their certificate."""
    old = {"oldest": ssl.TLSVersion.TLSv1, "newest": ssl.TLSVersion.TLSv1}
    older = {"oldest": ssl.TLSVersion.TLSv1_1, "newest": ssl.TLSVersion.TLSv1_1}
    pair = authority.issue("fine")
    return {
        "expired": context(authority.issue("expired", begins="20200101000000Z",
                                           ends="20210101000000Z")),
        "not yet valid": context(authority.issue("early", begins="20470101000000Z")),
        "wrong host": context(authority.issue("other", san="DNS:cong.example.vn,IP:192.0.2.7")),
        "self-signed": context(authority.issue("alone", self_signed=True)),
        "unknown CA": context(stranger.issue("foreign")),
        "weak key": context(authority.issue("weak", kind=("rsa:1024",))),
        "SHA-1": context(authority.issue("sha1", digest="sha1")),
        "TLS 1.0": context(pair, **old),
        "TLS 1.1": context(pair, **older),
    }
