"""How acmed proves names, and what it looks at before it asks: one instance for all."""
import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

import harness
from acme_peers import Pebble, find_pebble
from instance import DOMAIN, CertificateAuthority, Instance, free_ports
from peers import Names

MAIL = 'mail.' + DOMAIN


class ByTls(unittest.TestCase):
    """Names are proven by TLS only (RFC 8737)."""

    @classmethod
    def setUpClass(cls):
        if not find_pebble():
            raise unittest.SkipTest('no pebble: it is unpacked by ./dev check, when apt-get can '
                                    'have it')
        closing = contextlib.ExitStack()
        cls.addClassCleanup(closing.close)
        cls.names = Names({MAIL: {'A': ['127.0.0.1']}, 'ca.test': {'A': ['127.0.0.1']}},
                          tcp=True)
        closing.callback(cls.names.stop)
        cls.mail = mail = Instance(provider='letsencrypt', daemons=('imapd', 'acmed'))
        os.makedirs(mail.folder, exist_ok=True)
        mail.ca = ca = CertificateAuthority(mail.folder)
        (cls.port,) = free_ports(1)
        cls.pebble = Pebble(ca, cls.names.port, 1, tls_port=cls.port)
        closing.callback(cls.pebble.stop)
        mail.tls = f'  email: postmaster@{DOMAIN}\n  authorities: {ca.cert}\n'
        mail.settings = (f'acme:\n  directories: ["{cls.pebble.directory()}"]\n'
                         f'  alpn_listen: ["127.0.0.1:{cls.port}"]\n'
                         + cls.names.settings('test'))
        write = mail.write_config

        def without_http():
            write()
            with open(mail.config) as f:
                text = f.read().replace(f'["127.0.0.1:{mail.http_port}"]', '[]')
            with open(mail.config, 'w') as f:
                f.write(text)
        mail.write_config = without_http
        closing.enter_context(mail)

    def wait(self, what, seconds=60):
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                self.fail('it did not come:\n' + self.mail.log('acmed') + self.pebble.said())
            time.sleep(0.1)

    def served(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(('127.0.0.1', self.mail.ports['imaps']), 10) as plain:
            with context.wrap_socket(plain, server_hostname=MAIL) as tls:
                return tls.getpeercert(True)

    def issued(self):
        done = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', '-issuer'],
                              input=self.served(), stdout=subprocess.PIPE, check=True)
        return b'Pebble' in done.stdout

    def hello(self, alpn, name):
        """The reason of a failure, or 'served'; nothing is under way."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols([alpn])
        with socket.create_connection(('127.0.0.1', self.port), 10) as plain:
            try:
                context.wrap_socket(plain, server_hostname=name).close()
                return 'served'
            except OSError as e:
                return str(e)

    def test_certificate(self):
        self.wait(self.issued)
        self.assertIn('type=tls-alpn-01', self.mail.log('acmed'))
        # nobody is answered when nothing is under way
        self.wait(lambda: self.hello('acme-tls/1', MAIL) != 'served')


if __name__ == '__main__':
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    harness.main(__name__)
