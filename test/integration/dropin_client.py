"""A provincial system that talks to the portal, written from the protocol page alone.

It knows nothing of the daemon: it logs in, reads the list of procedures, pushes dossiers and steps, looks
dossiers up, logs in again when it is told to, updates what "đã tồn tại", adds what "không tồn tại", and
repeats a POST that failed or brought no success. Of its two tempers one takes error_code 0 for done
(and sends steps at once), the other only a text with "thành công".

Usage: dropin_client.py URL USER PASSWORD DOSSIERS [--threads N] [--deadline S] [--agency CODE]
Prints one JSON object. Nobody in it exists: identity numbers begin with 000, names are from a list.
"""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import random
import threading
import time
import urllib.parse

NAMES = ("Nguyễn Văn An", "Trần Thị Bình", "Lê Văn Cường", "Phạm Thị Dung", "Hoàng Văn Em")
OFFICERS = ("Nguyễn Thị Hoa", "Trần Văn Bé", "Lê Thị Cúc")
AUTH_WORDS = ("phiên làm việc", "session", "token", "đăng nhập")
READ_TIMEOUT_S = 6
STEPS_PER_CALL = 10
LIVES = ((2, 4, 9, 10), (2, 4, 5, 4, 9, 10), (2, 4, 4, 6, 4, 4, 4, 4, 4, 4, 9, 10), (1, 2, 4, 8))
WORDS = {1: "Nộp hồ sơ", 8: "Dừng xử lý", 2: "Tiếp nhận hồ sơ", 4: "Xử lý hồ sơ", 5: "Yêu cầu bổ sung", 6: "Yêu cầu nộp phí",
         9: "Đã xử lý xong", 10: "Đã trả kết quả"}


def stamp(moment):
    return moment.strftime("%Y%m%d%H%M%S")


class Portal:
    """The wire: one connection per thread, one session for all."""

    def __init__(self, url, user, password, agency):
        self.base = urllib.parse.urlsplit(url)
        self.account = {"username": user, "password": password}
        self.agency = agency
        self.session = None
        self.lock = threading.Lock()
        self.local = threading.local()
        self.connections = []
        self.count = {"logins": 0, "calls": 0, "failed_calls": 0, "queued": 0, "exists": 0,
                      "missing": 0, "refused": 0, "not_told": 0, "bad_claims": 0}

    def add(self, name, n=1):
        with self.lock:
            self.count[name] += n

    def post(self, path, body):
        """The reply as an object; None when the outcome is not known."""
        self.add("calls")
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(
                self.base.hostname, self.base.port, timeout=READ_TIMEOUT_S)
            with self.lock:
                self.connections.append(connection)
        try:
            connection.request("POST", self.base.path + path,
                               json.dumps(body, ensure_ascii=False).encode(),
                               {"Content-Type": "application/json", "Accept": "application/json",
                                "Charset": "utf-8", "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcqg"})
            reply = connection.getresponse()
            text = reply.read()
            if reply.status != 200:
                raise OSError(f"HTTP {reply.status}")
            return json.loads(text)
        except (OSError, ValueError, http.client.HTTPException):
            self.add("failed_calls")
            connection.close()
            self.local.connection = None
            return None

    def close(self):
        for connection in self.connections:
            connection.close()

    def login(self, old):
        with self.lock:
            if self.session is not None and self.session != old:
                return self.session
        reply = self.post("/mapi/login", self.account)
        if reply is None or int(reply["error_code"]) != 0:
            return None
        with self.lock:
            self.session = reply["session"]
            self.count["logins"] += 1
            return self.session

    def call(self, service, **values):
        """error_code and message and the whole reply; (None, "", {}) when nothing is known."""
        for _ in range(2):
            session = self.session or self.login(None)
            if session is None:
                return None, "", {}
            reply = self.post("/mapi/g", {"session": session, "madonvi": self.agency,
                                          "service": service, **values})
            if reply is None:
                return None, "", {}
            code, message = int(reply["error_code"]), str(reply.get("message") or "")
            if code == 0 or not any(w in message.lower() for w in AUTH_WORDS):
                return code, message, reply
            self.login(session)
        return code, message, reply


class Dossier:
    """One dossier's life: a list of snapshots and steps, sent in order."""

    def __init__(self, number, procedures, day):
        self.random = random.Random(number)
        self.name = NAMES[number % len(NAMES)]
        self.patient = number % 2 == 0  # wants "thành công"; the other is content with 0
        self.code = f"H56.31.25-{day:%y%m%d}-{number:05d}"
        self.procedure = self.random.choice(procedures)
        begin = day.replace(hour=7, minute=30) + datetime.timedelta(seconds=number)
        life = LIVES[number % len(LIVES)] if number % 4 != 3 else (2, 4)
        self.moments = [(status, begin + datetime.timedelta(minutes=7 * i))
                        for i, status in enumerate(life)]
        self.updating = False
        self.trouble = ""

    def snapshot(self, upto):
        status, moment = self.moments[upto - 1]
        first = self.moments[0][1]
        ended = status in (9, 10)
        return {
            "MaHoSo": self.code, "MaTTHC": self.procedure["MATTHC"],
            "TenTTHC": self.procedure["TENTTHC"], "MaLinhVuc": "G15-HT04", "TenLinhVuc": "Hộ tịch",
            "KenhThucHien": "2", "ChuHoSo": self.name, "LoaiDoiTuong": "1",
            "MaDoiTuong": "", "SoGiayToChuHoSo": "000099000123",
            "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "000099000123"}],
            "ThongTinKhac": "", "Email": "", "Fax": "", "SoDienThoai": "0900000000",
            "TrichYeuHoSo": "Hồ sơ thử " + self.code, "SoBienNhan": "BN-" + self.code[-5:],
            "NgayNopHoSo": stamp(first), "NgayTiepNhan": stamp(first),
            "NgayHenTra": stamp(first + datetime.timedelta(days=3)), "TrangThaiHoSo": str(status),
            "NgayTra": stamp(moment) if status == 10 else "", "ThongTinTra": "", "HinhThuc": "0",
            "NgayKetThucXuLy": stamp(moment) if ended else "", "NgayTuChoi": "",
            "DonViXuLy": "UBND xã Y", "NoiNopHoSo": "2", "HoSoCoThanhPhanSoHoa": "1",
            "TaiKhoanDuocXacThucVoiVNeID": "0", "DuocThanhToanTrucTuyen": "0",
            "DSKetNoiCSDL": [{"MaCSDL": "7"}],
            "TaiLieuNop": [{"TepDinhKemId": "1" + self.code[-5:], "TenTepDinhKem": "to_khai.pdf",
                            "IsDeleted": "False", "MaThanhPhanHoSo": "000.00.00.G15-KQ0123",
                            "DuongDanTaiTepTin": "https://dvc.example.vn/tep/" + self.code,
                            "DuocSoHoa": "1", "DuocTaiSuDung": "0", "DuocLayTuKhoDMQG": "0",
                            "MaKetQuaThayThe": ""}],
            "DanhSachLePhi": [{"TenPhiLePhi": "Lệ phí", "MaPhiLePhi": "LP0011",
                               "HinhThucThu": "1", "Gia": "8000", "LoaiPhiLePhi": "2"}],
            "DanhSachTepDinhKemKhac": [], "DanhSachHoSoBoSung": [], "DanhSachGiayToKetQua": []}

    def step(self, i):
        status, moment = self.moments[i]
        return {"MaHoSo": self.code, "NguoiXuLy": OFFICERS[i % len(OFFICERS)],
                "ChucDanh": "Công chức một cửa", "ThoiDiemXuLy": stamp(moment),
                "PhongBanXuLy": "Bộ phận một cửa", "NoiDungXuLy": WORDS[status],
                "TrangThai": str(status), "NgayBatDau": stamp(moment), "NgayKetThucTheoQuyDinh": ""}

    def done(self, portal, code, message):
        if code != 0:
            return False
        if "thành công" in message.lower():
            return True
        portal.add("queued")
        return not self.patient

    def push(self, portal, upto, deadline):
        """Until it counts as done for this temper; updates and adds as the portal says."""
        data = [self.snapshot(upto)]
        while time.monotonic() < deadline:
            code, message, _ = portal.call("DongBoHoSoMC",
                                           isUpdating="True" if self.updating else "False",
                                           data=data)
            if "đã tồn tại" in message.lower():
                portal.add("exists")
                self.updating = True
            elif "không tồn tại" in message.lower():
                portal.add("missing")
                self.updating = False
            elif self.done(portal, code, message):
                self.updating = True
                return True
            elif code not in (0, None):
                portal.add("refused")
                self.trouble = message
            time.sleep(0.05)
        return False

    def push_steps(self, portal, begin, end, deadline):
        for at in range(begin, end, STEPS_PER_CALL):
            data = [self.step(i) for i in range(at, min(end, at + STEPS_PER_CALL))]
            while True:
                code, message, _ = portal.call("CapNhatTienDoHoSoMC", data=data)
                if self.done(portal, code, message):
                    break
                if time.monotonic() > deadline:
                    return False
                if code not in (0, None):
                    portal.add("refused")
                    self.trouble = message
                time.sleep(0.05)
        return True

    def look_up(self, portal):
        code, _, reply = portal.call("TraCuuHoSo", mahoso=self.code)
        return None if code != 0 else bool(reply.get("result"))

    def live(self, portal, deadline):
        """The first state with its step, a look-up, then the rest."""
        end = len(self.moments)
        if not self.push(portal, 1, deadline) or not self.push_steps(portal, 0, 1, deadline):
            return False
        found = self.look_up(portal)
        if found is None:
            portal.add("not_told")
        if found is False and self.patient:
            portal.add("bad_claims")  # it was told "thành công", so it must be there
        portal.call("DongBoHoSoMC", isUpdating="True", data=[self.snapshot(1)])  # as real ones do
        return (self.push(portal, end, deadline) and self.push_steps(portal, 1, end, deadline))


def run(url, user, password, dossiers, threads=4, deadline_s=300, agency="000.00.00.H56"):
    portal = Portal(url, user, password, agency)
    deadline = time.monotonic() + deadline_s
    procedures = []
    while not procedures and time.monotonic() < deadline:
        procedures = portal.call("LayDanhSachTTHC")[2].get("result") or []
        if not procedures:
            time.sleep(0.1)
    day = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=7)))
    day = day.replace(tzinfo=None, microsecond=0) - datetime.timedelta(days=1)
    all_of_them = [Dossier(n, procedures, day) for n in range(dossiers)]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(lambda d: d.live(portal, deadline), all_of_them))
    portal.close()
    return portal.count | {
        "dossiers": dossiers, "done": sum(results), "steps": sum(len(d.moments) for d in all_of_them),
        "lives": {d.code: [s for s, _ in d.moments] for d in all_of_them},
        "troubles": sorted({d.trouble for d in all_of_them if d.trouble})[:5]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("dossiers", type=int)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--deadline", type=float, default=300)
    parser.add_argument("--agency", default="000.00.00.H56")
    a = parser.parse_args()
    print(json.dumps(run(a.url, a.user, a.password, a.dossiers, a.threads, a.deadline, a.agency),
                     ensure_ascii=False))


if __name__ == "__main__":
    main()
