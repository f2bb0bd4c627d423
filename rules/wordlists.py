"""The words by which machines, shared mailboxes, free mail and forms of address are known; lists, no logic."""

from __future__ import annotations

from typing import Final

MACHINE_WORDS: Final = frozenset(
    """
    www
    noreply nreply donotreply dontreply notreply unattended daemon mailerdaemon postmaster bounce bounces bouncing
    returns notification notifications notify notifier notifs alert alerts alarm alarms robot bot bots automated
    automation automatic auto autoreply automailer autobuild autobuilder buildbot buildd build builds builder ci cron
    nagios zabbix icinga prometheus pagerduty opsgenie jenkins hudson gerrit bugzilla jira confluence patchwork git
    gitlab github gitea svn cvs hg commits commit changelog newsletter newsletters news digest mailing mailings
    mailman majordomo listserv listmaster lists list subscribe unsubscribe subscription subscriptions update updates
    announce announcement announcements reminder reminders invitation invitations receipt receipts invoice invoices
    invoicing billing payment payments order orders shipping shipment delivery tracking tracker feedback survey
    surveys promo promos promotion promotions offer offers deals marketing campaign campaigns mailer mailout email
    emails mail smtp system sysadmin monitor monitoring status statement statements verification verify
    security-noreply confirmation confirm nobody undisclosed syslog logwatch backup report reports reporter ticket
    tickets ticketing workflow calendar messages scanner scan scans kopierer copier printer drucker fax telefax
    voicemail rechnung rechnungen mahnung bestellung versand facturation facture factures facturacion fatture fattura
    boletin notificaciones notificacion noticias avisos aviso notifiche avviso meldung meldungen nichtantworten
    """.split()  # noqa: SIM905 - words read better as text
)
"""Words that name a machine when they are a whole word of a local part; never looked for inside other words."""


NEVER_BORNE: Final = frozenset(
    """
    noreply nreply donotreply dontreply notreply unattended daemon mailerdaemon mailer-daemon postmaster bounce bounces
    bouncing notification notifications notify notifier robot bot bots automated automatic automailer autoreply cron
    """.split()  # noqa: SIM905 - words read better as text
)
"""Words of a local part that stay a machine's whatever human name stands beside them."""

ROLE_WORDS: Final = frozenset(
    """
    info contact kontakt office support help helpdesk service services servicedesk sales admin administrator webmaster
    hostmaster root abuse hello hi team press media pr jobs careers career hr recruiting recruitment talent events
    event membership members community accounts account accounting finance legal privacy security enquiries inquiries
    reception booking bookings reservations customer customers customercare care shop store hostess board bureau
    editor redaktion partners partner community maintainers maintainer owner request moderator dev devel users
    announce hackers kundenservice kundendienst kundenbetreuung buchhaltung sekretariat empfang vertrieb einkauf
    verwaltung personalabteilung bewerbung bewerbungen zentrale anfrage anfragen bestellungen buchung buchungen
    presse datenschutz comptabilite commercial commande commandes accueil secretariat clientele atencion clientes
    cliente ventas comercial administracion reservas soporte servizio clienti assistenza amministrazione vendite
    ordini prenotazioni segreteria klantenservice boekhouding scheduling scheduler interviews hiring recruiters staffing
    speakers organizers organisers sponsors
    """.split()  # noqa: SIM905 - words read better as text
)
"""Words of a shared mailbox: a human may sit behind it, which only an exchange shows."""


MACHINE_DOMAINS: Final = frozenset(
    """
    noreply no-reply bounce bounces notify notification notifications mailer reply replies newsletter news alerts
    """.split()  # noqa: SIM905 - words read better as text
)
"""Labels below the registrable domain where only machines send from; lakedaemon.net is a registrable domain itself."""


TITLES: Final = frozenset(
    """
    dr prof mr mrs ms mx sir dame herr frau dipl ing med rer nat phil mag rev mme mlle dott dra drs lic
    """.split()  # noqa: SIM905 - words read better as text
)


SUFFIXES: Final = frozenset(
    """
    jr sr ii iii iv phd md msc bsc mba llm esq cpa pmp cissp ceo cto cfo coo cio vp svp evp dphil dds
    """.split()  # noqa: SIM905 - words read better as text
)


FAMILY_FIRST: Final = frozenset(
    """
    li wang zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie tang song han
    feng deng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren lv yao shen jiang cui
    zhong tan lu wang fan shi liao jia xia fu fang zou xiong bai meng qin qiu hou yin xue lei kim lee park choi jung
    jeong kang cho yoon jang lim oh seo shin kwon hwang ahn song ryu hong moon nguyen tran le pham hoang phan vu vo
    dang bui do ho ngo duong ly tanaka suzuki sato takahashi watanabe ito yamamoto nakamura kobayashi kato yoshida
    yamada sasaki
    """.split()  # noqa: SIM905 - words read better as text
)
"""Family names that are often written first: with one of these in front nobody can say which is the given name."""


ORGANISATIONAL: Final = frozenset(
    """
    test tests testing wiki installer journal magazine weekly kernel linux
    team group support service services office admin administrator info contact news newsletter newsletters digest
    list announcements committee council board department dept club community foundation association society institute
    university college school bank hotel airlines conference summit events event webinar program programme project
    projects customer customers client care help helpdesk desk center centre sales marketing billing accounts
    accounting finance invoice invoices orders order shop store booking bookings reservations reservation hr
    recruiting recruitment careers jobs talent media security legal compliance operations ops engineering developers
    developer maintainers users user staff crew alumni members member membership subscriptions subscription inc ltd
    llc gmbh corp corporation company plc sarl verein the your our no reply my all feedback survey surveys insights
    alerts alert notifications notification reminder reminders updates update system systems server mailer mail email
    daemon robot bot bots automation automated automatic automailer monitoring monitor status build builds builder
    buildbot autobuild autobuilder ci gerrit gitlab github bitbucket bugzilla jira confluence patchwork circleci zuul
    coverity tracker tracking postmaster webmaster hostmaster cron nagios zabbix noreply donotreply calendar assistant
    bugs bug commits commit svn cvs git kernelci cloud online account verification delivery subsystem undisclosed
    recipients unknown nobody anonymous hosting technologies solutions software labs scanner kopierer copier printer
    fax telefax voicemail teams workday docusign zendesk servicenow sharepoint kundenservice kundendienst
    kundenbetreuung buchhaltung sekretariat vertrieb verwaltung personalabteilung soporte assistenza klantenservice
    relations resources communications abteilung rechtsabteilung empfang einkauf geschaftsfuhrung geschaeftsfuehrung
    poststelle rezeption assistenz zentraler hausverwaltung buro bureau secretariat direction
    kanzlei anwaltskanzlei rechtsanwaltskanzlei steuerkanzlei rechtsanwalte rechtsanwaelte notariat praxis arztpraxis
    zahnarztpraxis gemeinschaftspraxis apotheke klinik klinikum krankenhaus steuerberatung autohaus lawyers attorneys
    solicitors clinic hospital pharmacy scheduling scheduler interviews hiring recruiters headhunters staffing speakers
    organizers organisers sponsors
    """.split()  # noqa: SIM905 - words read better as text
)
"""Words that no human bears as a name, also where one stands beside them: Praxis Dr. Amsel is no Dr. Amsel.

Jenkins, Hudson, Travis, Press and Dev are left out, for people are called so.
"""


FREE_MAIL: Final = frozenset(
    """
    gmail.com googlemail.com outlook.com hotmail.com live.com msn.com passport.com windowslive.com yahoo.com ymail.com
    rocketmail.com myyahoo.com icloud.com me.com mac.com aol.com aim.com gmx.com gmx.net gmx.de gmx.at gmx.ch gmx.org
    mail.com email.com web.de t-online.de freenet.de arcor.de posteo.de posteo.net posteo.org mailbox.org online.de
    online.ch proton.me pm.me protonmail.com protonmail.ch tutanota.com tutanota.de tuta.io tuta.com tutamail.com
    keemail.me fastmail.com fastmail.fm hey.com zoho.com zohomail.com yandex.ru yandex.com ya.ru mail.ru inbox.ru
    list.ru bk.ru rambler.ru qq.com foxmail.com vip.qq.com 163.com 126.com yeah.net sina.com sina.cn sohu.com
    aliyun.com 139.com 189.cn naver.com daum.net hanmail.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp
    nifty.com libero.it virgilio.it tiscali.it alice.it tin.it orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr
    bbox.fr bluewin.ch sunrise.ch hispeed.ch aon.at chello.at a1.net kabelmail.de vodafonemail.de comcast.net
    verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net frontier.com
    juno.com btinternet.com btopenworld.com sky.com virginmedia.com ntlworld.com talktalk.net blueyonder.co.uk shaw.ca
    rogers.com sympatico.ca telus.net bigpond.com optusnet.com.au iinet.net.au xtra.co.nz xs4all.nl ziggo.nl
    kpnmail.nl home.nl planet.nl telenet.be skynet.be telia.com bredband.net online.no start.no mail.dk sapo.pt
    terra.com.br uol.com.br bol.com.br ig.com.br globo.com rediffmail.com seznam.cz centrum.cz email.cz post.cz
    azet.sk wp.pl o2.pl onet.pl interia.pl op.pl gazeta.pl abv.bg mail.bg ukr.net i.ua walla.co.il walla.com
    hushmail.com riseup.net disroot.org runbox.com lavabit.com duck.com mailfence.com startmail.com cock.li inbox.lv
    inbox.com freemail.hu citromail.hu otenet.gr mynet.com
    """.split()  # noqa: SIM905 - words read better as text
)
"""Where anybody can have an address; a short list of our own, as is the case for `FREE_MAIL_BRANDS`."""
