"""The shares and indices that the sandbox lists, as tables. Symbols are real; prices, lots and habits are made up.

Tokens of the better known ones are Kite's own at the time of writing; a client must take them from the dump, as always.
"""

from msgspec import Struct

_FIRST = """
INFY 1594 1520 0.9 1.0 0.92 160 400 it INFOSYS
SBIN 3045 872 1.1 1.0 0.93 320 750 bank STATE BANK OF INDIA
RELIANCE 2885 1465 1.0 0.9 0.95 240 500 energy RELIANCE INDUSTRIES
ITC 1660 412 0.6 0.8 0.90 420 1600 fmcg ITC
CASTROLIND 1250 205 0.6 1.1 0.45 220 0 - CASTROL INDIA
HDFCBANK 1333 985 1.0 0.8 0.95 380 550 bank HDFC BANK
TCS 11536 3120 0.8 0.9 0.88 60 175 it TATA CONSULTANCY SERV LT
ICICIBANK 4963 1380 1.1 0.9 0.93 210 700 bank ICICI BANK
AXISBANK 5900 1185 1.2 1.1 0.88 150 625 bank AXIS BANK
RCF 2866 148 0.8 1.4 0.40 340 0 - RASHTRIYA CHEMICALS & FERT
KOTAKBANK 1922 2110 0.9 0.9 0.82 80 400 bank KOTAK MAHINDRA BANK
LT 11483 3720 1.0 0.9 0.80 50 175 infra LARSEN & TOUBRO
HINDUNILVR 1394 2480 0.5 0.7 0.78 55 300 fmcg HINDUSTAN UNILEVER
BHARTIARTL 10604 1960 0.8 0.9 0.84 120 475 infra BHARTI AIRTEL
BAJFINANCE 317 985 1.3 1.2 0.88 220 750 finance BAJAJ FINANCE
ASIANPAINT 236 2440 0.6 0.9 0.72 45 250 fmcg ASIAN PAINTS
MARUTI 10999 15400 0.9 0.9 0.70 12 50 auto MARUTI SUZUKI INDIA
TITAN 3506 3540 0.8 0.9 0.74 40 175 fmcg TITAN COMPANY
SUNPHARMA 3351 1690 0.6 0.9 0.76 70 350 pharma SUN PHARMACEUTICAL IND L
ULTRACEMCO 11532 12150 0.9 0.9 0.62 10 50 infra ULTRATECH CEMENT
VGUARD 15362 372 0.7 1.2 0.30 90 0 - V-GUARD IND
WIPRO 3787 246 0.9 1.0 0.88 620 3000 it WIPRO
HCLTECH 7229 1540 0.9 1.0 0.80 90 350 it HCL TECHNOLOGIES
TECHM 13538 1450 0.9 1.1 0.74 80 600 it TECH MAHINDRA
TATASTEEL 3499 172 1.3 1.3 0.92 1500 5500 metal TATA STEEL
POWERGRID 14977 288 0.8 1.0 0.84 520 1900 energy POWER GRID CORP
NTPC 11630 332 0.8 1.0 0.85 480 1500 energy NTPC
ONGC 2475 251 0.9 1.1 0.84 560 2250 energy OIL AND NATURAL GAS CORP
TTKPRESTIG 3546 655 0.6 1.2 0.06 12 0 - TTK PRESTIGE
COALINDIA 20374 386 0.8 1.0 0.82 380 1350 metal COAL INDIA
ADANIPORTS 15083 1430 1.3 1.3 0.80 110 475 infra ADANI PORT & SEZ
JSWSTEEL 11723 1160 1.2 1.2 0.74 100 675 metal JSW STEEL
HINDALCO 1363 775 1.3 1.3 0.80 210 700 metal HINDALCO INDUSTRIES
GRASIM 1232 2790 0.9 0.9 0.62 35 250 infra GRASIM INDUSTRIES
PFIZER 2643 5120 0.4 1.0 0.05 5 0 - PFIZER
CIPLA 694 1530 0.5 0.9 0.74 70 375 pharma CIPLA
DRREDDY 881 1245 0.5 1.0 0.74 90 625 pharma DR. REDDY'S LABORATORIES
BRITANNIA 547 5850 0.5 0.8 0.58 14 125 fmcg BRITANNIA INDUSTRIES
EICHERMOT 910 6980 0.9 1.0 0.62 16 100 auto EICHER MOTORS
M&M 2031 3680 1.1 1.0 0.80 60 200 auto MAHINDRA & MAHINDRA
GILLETTE 1576 9900 0.4 1.0 0.04 3 0 - GILLETTE INDIA
NESTLEIND 17963 1240 0.5 0.7 0.70 70 500 fmcg NESTLE INDIA
INDUSINDBK 5258 815 1.4 1.4 0.84 260 700 bank INDUSIND BANK
BPCL 526 356 0.9 1.1 0.80 360 1975 energy BHARAT PETROLEUM CORP LT
VEDL 3063 505 1.3 1.4 0.84 420 1150 metal VEDANTA
SANOFI 1442 4730 0.4 1.0 0.08 6 0 - SANOFI INDIA
"""
"""symbol, exchange token, base price, beta, volatility, liquidity, print quantity, futures lot or 0, sector, name"""

_FURTHER = """
TATAMOTORS 3456 410 auto|ETERNAL 5097 310 infra|BAJAJFINSV 16675 2080 finance|BAJAJ-AUTO 16669 9050 auto
ADANIENT 25 2420 infra|APOLLOHOSP 157 7450 pharma|BEL 383 415 infra|DIVISLAB 10940 6550 pharma
HEROMOTOCO 1348 5600 auto|HDFCLIFE 467 765 finance|SBILIFE 21808 2010 finance|SHRIRAMFIN 4306 810 finance
TATACONSUM 3432 1170 fmcg|TRENT 1964 4420 fmcg|JIOFIN 18143 305 finance|INDIGO 11195 5820 infra
MAXHEALTH 22377 1120 pharma|DLF 14732 745 realty|GODREJPROP 17875 2180 realty|OBEROIRLTY 20242 1690 realty
PHOENIXLTD 14552 1720 realty|PRESTIGE 20302 1690 realty|LODHA 3220 1190 realty|IOC 1624 165 energy
HINDPETRO 1406 472 energy|GAIL 4717 182 energy|PETRONET 11351 275 energy|IGL 11262 212 energy
TATAPOWER 3426 392 energy|NHPC 17400 82 energy|SJVN 18883 88 energy|ADANIGREEN 3563 1060 energy
ADANIENSOL 10217 985 energy|JSWENERGY 17869 525 energy|TORNTPOWER 13786 1310 energy|OIL 17438 435 energy
COFORGE 11543 1790 it|PERSISTENT 18365 6020 it|MPHASIS 4503 2790 it|LTIM 17818 5720 it|OFSS 10738 8350 it
KPITTECH 9683 1190 it|TATAELXSI 3411 5450 it|TATATECH 20293 690 it|CYIENT 5748 1130 it|NAUKRI 13751 1360 it
POLICYBZR 6656 1780 finance|PAYTM 6705 1290 finance|NYKAA 6545 258 fmcg|DELHIVERY 9599 455 infra
SWIGGY 27066 395 infra|BANKBARODA 4668 288 bank|PNB 10666 123 bank|CANBK 10794 142 bank|UNIONBANK 10753 152 bank
BANKINDIA 4745 146 bank|INDIANB 14309 870 bank|IDFCFIRSTB 11184 80 bank|FEDERALBNK 1023 240 bank
AUBANK 21238 920 bank|BANDHANBNK 2263 156 bank|RBLBANK 18391 318 bank|YESBANK 11915 23 bank
PFC 14299 378 finance|RECLTD 15355 362 finance|LICHSGFIN 1997 555 finance|CHOLAFIN 685 1690 finance
MUTHOOTFIN 23650 3640 finance|MANAPPURAM 19061 282 finance|SBICARD 17971 872 finance
ICICIPRULI 18652 605 finance|ICICIGI 21770 1990 finance|LICI 9480 905 finance|HDFCAMC 4244 2690 finance
MFSL 2142 1650 finance|ANGELONE 324 2560 finance|BSE 19585 2820 finance|MCX 31181 9420 finance
CDSL 21174 1610 finance|CAMS 342 3890 finance|KFINTECH 13359 1080 finance|360ONE 13061 1120 finance
NUVAMA 18721 7350 finance|IEX 220 141 finance|IREDA 20261 146 finance|IRFC 2029 118 finance
HUDCO 20825 232 finance|PNBHOUSING 18908 905 finance|SAMMAANCAP 30125 178 finance|LTF 24948 296 finance
ABCAPITAL 21614 335 finance|JUBLFOOD 18096 605 fmcg|DABUR 772 522 fmcg|MARICO 4067 735 fmcg
GODREJCP 10099 1160 fmcg|COLPAL 15141 2190 fmcg|VBL 18921 465 fmcg|UNITDSPR 10447 1430 fmcg
PATANJALI 17029 575 fmcg|DMART 19913 4010 fmcg|KALYANKJIL 2955 495 fmcg|PGEL 25358 560 fmcg
DIXON 21690 15300 infra|HAVELLS 9819 1460 infra|VOLTAS 3718 1360 infra|BLUESTARCO 8311 1780 infra
CROMPTON 17094 272 infra|POLYCAB 9590 7520 infra|KEI 13310 4120 infra|ABB 13 5180 infra|SIEMENS 3150 3160 infra
CGPOWER 760 735 infra|BHEL 438 282 infra|CUMMINSIND 1901 4310 infra|BHARATFORG 422 1420 auto
SUPREMEIND 3363 3620 infra|ASTRAL 14418 1490 infra|PIDILITIND 2664 1480 infra|APLAPOLLO 25780 1780 metal
SRF 3273 2910 infra|PIIND 24184 3480 infra|UPL 11287 745 infra|TATACHEM 3405 855 infra|HAL 2303 4640 infra
BDL 2144 1490 infra|MAZDOCK 509 2740 infra|SOLARINDS 13332 13700 infra|RVNL 9552 322 infra|IRCTC 13611 705 infra
CONCOR 4749 518 infra|NBCC 31415 112 realty|GMRAIRPORT 13528 104 infra|INDUSTOWER 29135 405 infra
IDEA 14366 10 infra|TATACOMM 3721 1840 infra|AMBUJACEM 1270 552 infra|SHREECEM 3103 26500 infra
DALMIABHAR 8075 2030 infra|ACC 22 1850 infra|AUROPHARMA 275 1210 pharma|LUPIN 10440 2020 pharma
TORNTPHARM 3518 3720 pharma|ZYDUSLIFE 7929 945 pharma|ALKEM 11703 5720 pharma|BIOCON 11373 395 pharma
GLENMARK 7406 1890 pharma|LAURUSLABS 19234 990 pharma|MANKIND 15380 2260 pharma|PPLPHARMA 11571 190 pharma
SYNGENE 10243 645 pharma|FORTIS 14592 935 pharma|TVSMOTOR 8479 3450 auto|ASHOKLEY 212 146 auto
MOTHERSON 4204 109 auto|BOSCHLTD 2181 36800 auto|EXIDEIND 676 378 auto|TIINDIA 312 2960 auto
SONACOMS 4684 492 auto|UNOMINDA 14154 1290 auto|HYUNDAI 25844 2360 auto|JINDALSTEL 6733 1060 metal
NMDC 15332 74 metal|SAIL 2963 136 metal|NATIONALUM 6364 262 metal|HINDZINC 1424 482 metal|INDHOTEL 1512 735 fmcg
PAGEIND 14413 39200 fmcg|KAYNES 12092 6150 infra|AMBER 1185 7250 infra|TITAGARH 15414 870 infra
INOXWIND 7852 142 energy|SUZLON 12018 56 energy|PREMIERENE 25049 1010 energy|MRF 2277 126000 auto
"""
"""symbol, exchange token, base price, sector; the rest follows from price and place. All have derivatives."""

_INDICES = """
NIFTY 50|NSE|1001|25900|1.0|0.05||0|0.11
NIFTY BANK|NSE|1016|58800|1.05|0.12|bank|0.75|0.13
INDIA VIX|NSE|1035|12.4|-3.0|3.0||0|0.8
SENSEX|BSE|1|84900|0.98|0.06||0|0.11
NIFTY FIN SERVICE|NSE|1007|27300|1.0|0.10|finance|0.6|0.13
NIFTY MID SELECT|NSE|1125|13800|1.1|0.25||0|0.16
NIFTY NEXT 50|NSE|1058|69500|1.05|0.22||0|0.15
BANKEX|BSE|1072|65900|1.05|0.13|bank|0.75|0.13
NIFTY IT|NSE|1015|36800|0.85|0.15|it|0.8|0.2
NIFTY AUTO|NSE|1029|27400|0.95|0.15|auto|0.8|0.2
NIFTY PHARMA|NSE|1025|22600|0.55|0.15|pharma|0.8|0.2
NIFTY METAL|NSE|1030|10400|1.25|0.2|metal|0.8|0.2
NIFTY FMCG|NSE|1023|55600|0.55|0.12|fmcg|0.8|0.2
NIFTY ENERGY|NSE|1022|35700|0.9|0.15|energy|0.8|0.2
NIFTY REALTY|NSE|1020|935|1.2|0.25|realty|0.8|0.2
NIFTY INFRA|NSE|1021|9550|0.95|0.12|infra|0.8|0.2
NIFTY 100|NSE|1018|26500|1.0|0.06||0|0.12
NIFTY 500|NSE|1047|23700|1.0|0.08||0|0.12
NIFTY MIDCAP 100|NSE|1003|60700|1.1|0.22||0|0.16
NIFTY PSU BANK|NSE|1027|8350|1.2|0.3|bank|0.9|0.2
"""
"""name, exchange, exchange token, base, beta, volatility, sector, share of the sector's moves, volatility of options"""

# symbols also listed at BSE with its scrip codes; further ones get a code from their place in the list
_BSE_CODES = {"RELIANCE": 500325, "TCS": 532540, "INFY": 500209, "HDFCBANK": 500180, "SBIN": 500112}
_BSE_FURTHER = 115
_CONTRACT_RUPEES = 650_000


class Share(Struct, frozen=True):
    """One share's row: `base` in rupees; `lot` of its futures, 0 without; `bse_code` 0 where BSE does not list it."""

    symbol: str
    number: int
    name: str
    base: float
    beta: float
    volatility: float
    liquidity: float
    quantity: int
    lot: int
    sector: str
    bse_code: int


class Index(Struct, frozen=True):
    """One index's row: `base` in points."""

    name: str
    exchange: str
    number: int
    base: float
    beta: float
    volatility: float
    sector: str
    sector_beta: float
    implied: float


def _shares() -> list[Share]:
    rows: list[Share] = []
    for line in _FIRST.strip().splitlines():
        symbol, number, price, beta, own, liquidity, quantity, lot, sector, name = line.split(" ", 9)
        rows.append(
            Share(
                symbol,
                int(number),
                name,
                float(price),
                float(beta),
                float(own),
                float(liquidity),
                int(quantity),
                int(lot),
                sector.strip("-"),
                _BSE_CODES.get(symbol, 0),
            )
        )
    further = [entry.split() for line in _FURTHER.strip().splitlines() for entry in line.split("|")]
    for place, (symbol, number, price, sector) in enumerate(further):
        base = float(price)
        rows.append(
            Share(
                symbol,
                int(number),
                symbol,
                base,
                0.7 + 0.06 * (place * 7 % 11),
                0.9 + 0.05 * (place * 5 % 9),
                0.85 - 0.55 * place / len(further),
                max(2, round(60_000 / base)),
                _lot(base),
                sector,
                540_000 + place if place < _BSE_FURTHER else 0,
            )
        )
    return rows


def _lot(base: float) -> int:
    """A lot worth about 6.5 lakh rupees: a multiple of 25, or of 5 for dear shares."""
    step = 25 if base < 20_000 else 5
    return max(step, round(_CONTRACT_RUPEES / base / step) * step)


def _indices() -> list[Index]:
    rows = []
    for line in _INDICES.strip().splitlines():
        name, exchange, number, base, beta, own, sector, share, implied = line.split("|")
        rows.append(
            Index(
                name,
                exchange,
                int(number),
                float(base),
                float(beta),
                float(own),
                sector,
                float(share),
                float(implied),
            )
        )
    return rows


SHARES = _shares()
INDICES = _indices()
SHARE_COUNT = len(SHARES)
