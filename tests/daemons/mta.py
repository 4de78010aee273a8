"""Postfix, Exim and OpenSMTPD from Debian's packages, on a loopback address of their own.

The packages exclude each other, so they are unpacked (./dev check does it), not installed.
Each runs in a mount and a process namespace: there it finds the users and folders that
its package would have made, and all of it is gone when its first process is killed.

A peer hands mail for its own domain to a sink, for plain. below it to another, which has no
DSN, and mail for ours to us.  gone@ its domain is refused.
"""
import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from instance import DOMAIN, build_dir

USERS = ('postfix', 'Debian-exim', 'opensmtpd', 'opensmtpq')


def package(name):
    """Where a package was unpacked; a test is skipped when it was not."""
    folder = os.path.join(build_dir(), 'peers', name)
    if not os.path.isdir(folder):
        raise unittest.SkipTest(f'the package {name} is not unpacked in {folder}: ./dev check '
                                'does it, when apt-get can have it')
    if os.geteuid() != 0:
        raise unittest.SkipTest('needs root: other mail servers begin with it')
    probe = subprocess.run(['unshare', '-m', '-p', '-f', 'true'], stderr=subprocess.PIPE,
                           check=False)
    if probe.returncode:
        raise unittest.SkipTest('no namespaces: ' + probe.stderr.decode().strip())
    return folder


class Peer:
    """What is common.  sink, plain, ours: (address, port); both sinks have one port."""
    tls_works = True  # as a server
    success = 'relayed'  # what it reports of mail to a server without DSN

    def __init__(self, address, port, sink, plain, ours, ca):
        self.package = package(self.package_name)
        self.address, self.port, self.ours = address, port, ours
        self.sink, self.plain = sink, plain
        self.domain = self.name + '.test'
        self.ca = ca
        self.chain, self.key = ca.issue(self.name, hosts=(f'mx1.{self.domain}',))
        # the servers' own users look at things here
        self.folder = tempfile.mkdtemp(prefix=f'vectis-{self.name}-')
        os.chmod(self.folder, 0o755)
        self.log_file = os.path.join(self.folder, 'log')
        self.process = None

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def prepare(self):
        """Commands for the namespace, with the users that the packages would have added."""
        passwd, group = open('/etc/passwd').read(), open('/etc/group').read()
        for i, user in enumerate(USERS):
            passwd += f'{user}:x:{960 + i}:{960 + i}::/nonexistent:/usr/sbin/nologin\n'
            group += f'{user}:x:{960 + i}:\n'
        group += 'postdrop:x:969:\n'
        names = open('/etc/hosts').read() + f'{self.address} mx1.{self.domain}\n'
        return [f'mount --bind {self.write(name, text)} /etc/{name}' for name, text in
                (('passwd', passwd), ('group', group), ('hosts', names))] + [
            'mount -t tmpfs -o mode=755 tmpfs /run',
            'mount -t tmpfs -o mode=755 tmpfs /var',
            'mkdir -p /var/spool /var/log /var/lib /var/mail',
            'ln -s /run /var/run']

    def start(self):
        commands = ['set -e'] + self.prepare() + ['exec ' + self.command()]
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(
                ['unshare', '-m', '-p', '-f', '--mount-proc', 'sh', '-c',
                 '\n'.join(commands)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                with socket.create_connection((self.address, self.port), 5) as s:
                    if s.recv(500).startswith(b'220'):
                        return self
            if self.process.poll() is not None or time.monotonic() > end:
                said = self.log()
                self.stop()
                raise AssertionError(f'{self.name} does not answer:\n{said}')
            time.sleep(0.05)

    def first_processes(self):
        pid = self.process.pid
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/task/{pid}/children') as f:
                return [int(x) for x in f.read().split()]
        return []

    def stop(self):
        if self.process is not None:
            for pid in self.first_processes():
                os.kill(pid, signal.SIGKILL)  # and with it all of the namespace
            self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        text = ''
        for name in [self.log_file] + glob.glob(os.path.join(self.folder, 'logs', '*')):
            with contextlib.suppress(OSError):
                with open(name, errors='replace') as f:
                    text += f.read()[-8000:]
        return text


class Postfix(Peer):
    name, package_name = 'postfix', 'postfix'
    chunking, utf8, sends_chunks = True, True, False
    reports_originals, decodes_envid = True, True

    def command(self):
        root, spool = self.package, '/var/spool/postfix'
        self.write('main.cf', f'''compatibility_level = 3.6
queue_directory = {spool}
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
data_directory = /var/lib/postfix
meta_directory = {root}/etc/postfix
import_environment = MAIL_CONFIG MAIL_DEBUG LANG=C LD_LIBRARY_PATH
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.folder}/mail.log
maillog_file_prefixes = /tmp, /var, {self.folder}
myhostname = mx1.{self.domain}
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = {self.domain}, {DOMAIN}
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{gone@{self.domain} = 550 5.1.1 nobody here}} }},
    permit_mynetworks, reject
transport_maps = inline:{{ {{{self.domain} = smtp:[{self.sink[0]}]:{self.sink[1]}}},
    {{plain.{self.domain} = smtp:[{self.plain[0]}]:{self.plain[1]}}},
    {{{DOMAIN} = smtp:[{self.ours[0]}]:{self.ours[1]}}} }}
default_transport = smtp:[{self.sink[0]}]:{self.sink[1]}
smtpd_tls_cert_file = {self.chain}
smtpd_tls_key_file = {self.key}
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtp_tls_CAfile = {self.ca.cert}
smtp_tls_security_level = may
smtp_tls_policy_maps = inline:{{ {{[{self.ours[0]}]:{self.ours[1]} = encrypt}} }}
smtp_tls_loglevel = 1
smtp_dns_support_level = disabled
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
smtputf8_enable = yes
strict_smtputf8 = no
''')
        self.write('master.cf', f'''{self.address}:{self.port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
''')
        subfolders = ('active bounce corrupt defer deferred flush hold incoming maildrop pid '
                      'private public saved trace')
        return (f'''sh -c '
mkdir -p {spool} /var/lib/postfix
cd {spool} && mkdir {subfolders}
chown postfix {subfolders} /var/lib/postfix && chown root pid
chgrp postdrop public maildrop && chmod 730 maildrop && chmod 710 public
chmod 700 active bounce corrupt defer deferred flush hold incoming private saved trace
touch {self.folder}/mail.log
export LD_LIBRARY_PATH={root}/usr/lib/postfix MAIL_CONFIG={self.folder}
exec {root}/usr/lib/postfix/sbin/master -d -c {self.folder}
\'''')

    def log(self):
        with contextlib.suppress(OSError):
            with open(os.path.join(self.folder, 'mail.log'), errors='replace') as f:
                return f.read()[-8000:] + super().log()
        return super().log()


class Exim(Peer):
    name, package_name = 'exim', 'exim4-daemon-light'
    success = 'delivered'
    chunking, utf8, sends_chunks = True, True, True
    reports_originals, decodes_envid = True, False

    def command(self):
        config = self.write('exim.conf', f'''exim_path = {self.package}/usr/sbin/exim4
primary_hostname = mx1.{self.domain}
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
log_selector = +all_parents +tls_cipher +smtp_confirmation
tls_advertise_hosts = *
tls_certificate = {self.folder}/chain.pem
tls_privatekey = {self.folder}/key.pem
chunking_advertise_hosts = *
dsn_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
accept_8bitmime = true
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
local_interfaces = {self.address}
daemon_smtp_ports = {self.port}
acl_smtp_rcpt = rcpt
acl_smtp_data = all
qualify_domain = {self.domain}
never_users =
bounce_return_message = true
prod_requires_admin = false
check_spool_space = 0
check_log_space = 0
message_size_limit = 50M
delay_warning =
begin acl
all:
  accept
rcpt:
  deny message = 5.1.1 nobody here
       recipients = gone@{self.domain}
  accept
begin routers
ours:
  driver = manualroute
  domains = {DOMAIN}
  transport = to_us
  route_list = * {self.ours[0]} byname
  self = send
plain:
  driver = manualroute
  domains = plain.{self.domain}
  transport = to_sink
  route_list = * {self.plain[0]} byname
  self = send
others:
  driver = manualroute
  transport = to_sink
  route_list = * {self.sink[0]} byname
  self = send
begin transports
to_us:
  driver = smtp
  port = {self.ours[1]}
  hosts_require_tls = *
  hosts_try_chunking = *
  tls_verify_hosts =
  tls_try_verify_hosts =
  allow_localhost
  interface = {self.address}
to_sink:
  driver = smtp
  port = {self.sink[1]}
  allow_localhost
  interface = {self.address}
begin retry
* * F,1h,1s
''')
        return f'''sh -c '
mkdir -p /var/spool/exim4 /var/log/exim4 /var/lib/exim4
cp {config} /var/lib/exim4/config.autogenerated
chown Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4
cp {self.chain} {self.folder}/chain.pem; cp {self.key} {self.folder}/key.pem
chmod 644 {self.folder}/key.pem
mkdir {self.folder}/logs && mount --bind {self.folder}/logs /var/log/exim4
chown Debian-exim:Debian-exim /var/log/exim4
exec {self.package}/usr/sbin/exim4 -bdf -q1s
\''''


class OpenSmtpd(Peer):
    name, package_name = 'opensmtpd', 'opensmtpd'
    tls_works = False  # with OpenSSL 3 the handshake fails: its issues 1171, 1239
    chunking, utf8, sends_chunks = False, False, False
    reports_originals, decodes_envid = False, False

    def command(self):
        config = self.write('smtpd.conf', f'''pki "peer" cert "{self.chain}"
pki "peer" key "{self.key}"
listen on {self.address} port {self.port} tls pki "peer" hostname "mx1.{self.domain}"
action "ours" relay host "smtp+tls://{self.ours[0]}:{self.ours[1]}" tls no-verify helo "mx1.{self.domain}"
action "others" relay host "smtp://{self.sink[0]}:{self.sink[1]}" helo "mx1.{self.domain}"
action "plain" relay host "smtp://{self.plain[0]}:{self.plain[1]}" helo "mx1.{self.domain}"
match from any for domain "plain.{self.domain}" action "plain"
match from any for domain "{self.domain}" rcpt-to "gone@{self.domain}" reject
match from any for domain "{DOMAIN}" action "ours"
match from any for any action "others"
''')
        return f'''sh -c '
mount -t tmpfs -o mode=755 tmpfs /usr/libexec
mkdir -p /usr/libexec/opensmtpd /var/lib/opensmtpd/empty /var/spool/smtpd
mount --bind {self.package}/usr/libexec/opensmtpd /usr/libexec/opensmtpd
chmod 711 /var/spool/smtpd
exec {self.package}/usr/sbin/smtpd -d -f {config}
\''''


PEERS = (Postfix, Exim, OpenSmtpd)
