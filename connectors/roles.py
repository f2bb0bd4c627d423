"""Which folder is which: localised names of Sent, Drafts, Junk, Trash and Inbox into the words of RFC 6154."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

NAMES: Final = {
    r"\Sent": """sent|sent items|sent mail|sent messages|sent-mail|outbox sent|gesendet|gesendete objekte|gesendete elemente|
        gesendete nachrichten|gesendete e-mails|envoyés|éléments envoyés|messages envoyés|courrier envoyé|objets envoyés|enviados|
        elementos enviados|mensajes enviados|correo enviado|enviadas|itens enviados|mensagens enviadas|e-mails enviados|inviati|
        posta inviata|elementi inviati|messaggi inviati|inviata|verzonden|verzonden items|verzonden berichten|skickat|skickade|
        skickade objekt|skickade meddelanden|sendt|sendte elementer|sendt post|sendte|lähetetyt|lähetetyt viestit|wysłane|
        elementy wysłane|wysłane wiadomości|odeslané|odeslaná pošta|odoslané|elküldött|elküldött elemek|küldött|trimise|
        elemente trimise|изпратени|отправленные|исходящие отправленные|отправленные элементы|надіслані|надіслане|απεσταλμένα|
        gönderilmiş öğeler|gönderilmiş postalar|gönderilenler|gönderilen öğeler|المرسلة|العناصر المرسلة|البريد المرسل|דואר יוצא|
        פריטים שנשלחו|נשלחו|送信済み|送信済みアイテム|送信済みメール|送信済みトレイ|已发送|已发送邮件|已发邮件|已傳送|寄件備份|已傳送郵件|
        보낸편지함|보낸 편지함|보낸 메일함|terkirim|đã gửi|thư đã gửi|ส่งแล้ว|จดหมายที่ส่ง|enviats|saadetud|nosūtītie|išsiųsti|poslano|poslane stavke""",
    r"\Drafts": """draft|drafts|entwürfe|entwurf|brouillons|brouillon|borradores|borrador|rascunhos|bozze|concepten|utkast|kladder|kladde|
        luonnokset|kopie robocze|szkice|wersje robocze|koncepty|rozepsané|piszkozatok|ciorne|черновики|чернетки|чернови|πρόχειρα|
        taslaklar|المسودات|مسودات|טיוטות|下書き|草稿|草稿箱|草稿匣|임시보관함|임시 보관함|draf|thư nháp|bản nháp|ฉบับร่าง|จดหมายร่าง|
        esborranys|mustandid|nacrti""",
    r"\Junk": """junk|spam|junk e-mail|junk email|junk mail|bulk mail|junk-e-mail|junk-e-mails|spamverdacht|unerwünscht|unerwünschte werbung|
        courrier indésirable|indésirables|pourriel|correo no deseado|correo basura|no deseado|lixo eletrônico|lixo eletrónico|
        lixo electrónico|posta indesiderata|ongewenst|ongewenste e-mail|ongewenste reclame|skräppost|søppelpost|uønsket e-mail|
        uønsket post|roskaposti|roskapostikansio|wiadomości-śmieci|niechciane|nevyžádaná pošta|nevyžiadaná pošta|levélszemét|
        mesaje nedorite|спам|нежелательная почта|небажана пошта|ανεπιθύμητα|ανεπιθύμητη αλληλογραφία|gereksiz|önemsiz e-posta|
        البريد غير الهام|الرسائل غير المرغوب فيها|דואר זבל|ספאם|迷惑メール|垃圾邮件|垃圾郵件|垃圾信|스팸|스팸함|스팸메일함|정크 메일|thư rác|จดหมายขยะ""",
    r"\Trash": """trash|deleted|deleted items|deleted messages|bin|wastebasket|papierkorb|gelöscht|gelöschte objekte|gelöschte elemente|
        corbeille|éléments supprimés|messages supprimés|papelera|elementos eliminados|eliminados|lixeira|lixo|itens excluídos|
        itens eliminados|cestino|posta eliminata|elementi eliminati|prullenbak|verwijderde items|papperskorgen|papperskorg|
        borttaget|borttagna objekt|papirkurv|papirkurven|slettede elementer|slettet post|slettede|roskakori|poistetut|kosz|elementy usunięte|
        koš|odstraněná pošta|odstránené|kuka|lomtár|törölt elemek|coș de gunoi|elemente șterse|корзина|удаленные|удалённые|
        удаленные элементы|кошик|видалені|кошче|κάδος|κάδος απορριμμάτων|διαγραμμένα|çöp kutusu|çöp|silinmiş öğeler|سلة المهملات|المهملات|
        العناصر المحذوفة|אשפה|פריטים שנמחקו|ゴミ箱|ごみ箱|削除済みアイテム|已删除|已删除邮件|回收站|垃圾桶|
        刪除的郵件|휴지통|지운 편지함|지운편지함|sampah|thùng rác|ถังขยะ|paperera""",
    r"\Archive": "archive|archives|archiv|archiviert|archivo|archivio|archief|arkiv|arkisto|archiwum|архив|архів|arşiv|アーカイブ|归档|存档|封存|보관함|보관",
    r"\All": """all mail|all messages|all mail including spam and trash|alle nachrichten|tous les messages|todos|todos los correos|
        todos os e-mails|todo el correo|tutti i messaggi|alle berichten|all e-post|wszystkie|вся почта|すべてのメール|所有邮件|所有郵件|전체보관함""",
    r"\Inbox": """inbox|posteingang|boîte de réception|bandeja de entrada|recibidos|caixa de entrada|entrada|posta in arrivo|postvak in|
        inkorg|inkorgen|innboks|indbakke|indbakken|saapuneet|odebrane|skrzynka odbiorcza|doručená pošta|doručené|beérkezett üzenetek|inbox mail|
        входящие|вхідні|εισερχόμενα|gelen kutusu|البريد الوارد|الوارد|דואר נכנס|受信トレイ|受信箱|收件箱|
        收件匣|받은편지함|받은 편지함|kotak masuk|hộp thư đến|กล่องจดหมาย|กล่องขาเข้า""",
}
ROLES: Final = {name.strip(): role for role, names in NAMES.items() for name in names.replace("\n", "").split("|")}
ENDING: Final = re.compile(r"\.(mbox|mbx|mbs|mail|sbd|gz|maildir)$")
SEPARATORS: Final = re.compile(r"[/\\]|(?<=[\w\]])\.(?=\w)|^\.")


def role_of(name: str) -> str:
    r"""Return `\Sent`, `\Drafts`, `\Junk`, `\Trash`, `\Archive`, `\All`, `\Inbox`, or "" for a folder name in any known language.

    Takes the whole path (`[Gmail]/Gesendet`, `INBOX.Sent Items`, `Sent.mbox`) decoded to Unicode; only its last part counts.
    """
    plain = unicodedata.normalize("NFC", name).strip().casefold().rstrip("/\\")
    while (bare := ENDING.sub("", plain)) != plain:
        plain = bare
    last = SEPARATORS.split(plain)[-1].strip()
    return _FOLDED.get(last.replace("_", " ")) or _FOLDED.get(last.replace("_", " ").replace("-", " "), "")


_FOLDED: Final = {unicodedata.normalize("NFC", name).casefold(): role for name, role in ROLES.items()}
