"""What the sandbox shop sells, as data: families of products with taxonomy code, makers, names and usual prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Family:
    """Products of one kind.

    Attributes:
        unspsc: the vendor's taxonomy code; our category follows from it.
        names: titles without the maker, each with its usual price in EUR.
        makers: invented; each name gets one of them.
        most: the largest quantity in one order; 0 for no limit.
    """

    unspsc: str
    taxonomy: str
    makers: tuple[str, ...]
    names: tuple[tuple[str, int], ...]
    most: int = 0


_SCREENS = ("Lumora", "Vantis", "Nordpixel")
_DESK = ("Kestrel", "Tecla", "Norrvik")
_PAPER = ("Papelia", "Hojaverde", "Claris")
_SEATS = ("Asenta", "Bjornholt", "Silva & Co")
_PRESS = ("Editorial Arrayán", "Harbour Street Press", "Lindenhof Verlag", "Ediciones del Puente")

FAMILIES: Final = (
    Family("43211902", "Liquid crystal display LCD panels or monitors", _SCREENS, (
        ("22-inch Full HD monitor with HDMI", 109), ("24-inch Full HD monitor, height adjustable", 149),
        ("24-inch monitor with USB-C hub, 65 W", 229), ("27-inch QHD monitor, IPS, 75 Hz", 289),
        ("27-inch 4K monitor with USB-C, 90 W", 419), ("32-inch 4K monitor for design work", 749),
        ("34-inch ultrawide curved monitor", 489), ("15.6-inch portable USB-C monitor", 169),
    ), 20),
    Family("43211503", "Notebook computers", ("Vantis", "Altamar", "Norrvik"), (
        ("13-inch business notebook, 16 GB, 512 GB SSD", 849), ("14-inch notebook, 16 GB, 1 TB SSD", 1149),
        ("14-inch notebook, 32 GB, 1 TB SSD, LTE", 1590), ("15-inch notebook, 16 GB, 512 GB SSD", 1049),
        ("16-inch mobile workstation, 32 GB, 1 TB SSD", 1990),
        ("16-inch mobile workstation, 64 GB, 2 TB SSD", 2240),
        ("12-inch convertible notebook with pen", 990),
        ("Refurbished 14-inch notebook, 8 GB, 256 GB SSD", 389),
    ), 10),
    Family("43211706", "Keyboards", _DESK, (
        ("Wired keyboard, Spanish layout", 17), ("Wireless keyboard, Spanish layout", 44),
        ("Mechanical keyboard, quiet switches", 119), ("Split ergonomic keyboard", 159),
        ("Compact Bluetooth keyboard for three devices", 59), ("Keyboard and mouse set, wireless", 49),
        ("Numeric keypad, USB", 26),
    )),
    Family("43211708", "Computer mouse or trackballs", _DESK, (
        ("Wired optical mouse", 11), ("Wireless silent mouse", 24), ("Vertical ergonomic mouse", 69),
        ("Trackball, left and right hand", 54),
        ("Bluetooth travel mouse", 39), ("Large desk mat with stitched edge", 22),
    )),
    Family("43211600", "Computer accessories", ("Kestrel", "Conecta", "Brio & Cable"), (
        ("USB-C docking station, dual 4K", 189), ("USB-C hub, 7 ports", 39), ("USB-C charger, 100 W", 54),
        ("HDMI cable, 2 m, pack of 3", 19),
        ("USB-C cable, 2 m, braided, pack of 2", 15), ("DisplayPort cable, 3 m", 14),
        ("Monitor arm, single, gas spring", 79),
        ("Monitor arm, dual, gas spring", 139), ("Notebook stand, aluminium", 42),
        ("Privacy filter for 24-inch screens", 47),
        ("Webcam, Full HD, with cover", 49), ("Webcam, 4K, autofocus", 149),
        ("Surge protector, 6 sockets", 29),
    )),
    Family("43201803", "Hard disk drives and solid state drives", ("Almacén Digital", "Vantis", "Granit"), (
        ("Portable SSD, 1 TB, USB-C", 89), ("Portable SSD, 2 TB, USB-C", 159),
        ("Encrypted USB stick, 128 GB", 58),
        ("External hard disk, 4 TB", 109), ("NVMe SSD, 1 TB, internal", 94),
        ("Memory card, 256 GB, V60", 79),
    )),
    Family("43222609", "Network routers and switches", ("Conecta", "Malla", "Granit"), (
        ("8-port gigabit switch", 34), ("24-port managed switch, PoE", 389), ("Wi-Fi 6 access point", 129),
        ("Wi-Fi 6 mesh set, pack of 3", 249),
        ("LTE router with external antenna", 189), ("Patch panel, 24 ports, 1 U", 46),
        ("Network cable Cat 6A, 5 m, pack of 10", 72),
    ), 30),
    Family("43191609", "Telephone headsets", ("Sonora", "Claraudio"), (
        ("USB headset, mono", 34), ("USB headset, stereo, noise cancelling", 89),
        ("Bluetooth headset with charging stand", 149),
        ("Speakerphone for six people", 119), ("Conference bar with camera", 590),
        ("In-ear headset, USB-C", 59), ("Headset stand", 28),
    )),
    Family("45111609", "Multimedia projectors", ("Nordpixel", "Proyecta"), (
        ("Full HD projector, 3,500 lumen", 529), ("Short-throw projector for meeting rooms", 890),
        ("Portable LED projector", 279),
        ("Projection screen, tripod, 200 cm", 119),
    ), 5),
    Family("43231513", "Office suite software", ("Oficina Libre Pro", "Formata", "Cuadrante"), (
        ("Office suite, 1 user, 1 year", 69), ("Office suite, 5 users, 1 year", 299),
        ("PDF editor, perpetual licence", 129),
        ("PDF editor, team of 10, 1 year", 690), ("Diagram editor, 1 user, 1 year", 96),
        ("Spreadsheet add-in for forecasts, 1 year", 149),
    ), 50),
    Family("43232402", "Development environment software", ("Forja", "Cuadrante"), (
        ("Development environment, 1 user, 1 year", 199), ("Database client, 1 user, perpetual", 229),
        ("Load testing tool, 1 year, 10 users", 490), ("API design tool, team of 5, 1 year", 360),
        ("Static analysis, 1 year, 5 users", 750),
    ), 50),
    Family("43232107", "Graphics and layout software", ("Trazo", "Formata"), (
        ("Photo editor, perpetual licence", 59), ("Vector drawing program, 1 year", 249),
        ("Layout program, 1 year", 279),
        ("Video editor, 1 year", 299), ("Font collection, desktop licence", 89),
        ("Stock photos, 50 downloads", 149),
    ), 50),
    Family("43233205", "Security and protection software", ("Muralla", "Candado"), (
        ("Endpoint protection, 10 devices, 1 year", 290), ("Password manager, team of 20, 1 year", 480),
        ("Mail encryption, 25 mailboxes, 1 year", 420), ("Backup software, 5 devices, perpetual", 199),
    ), 50),
    Family("55101509", "Educational or vocational textbooks", _PRESS, (
        ("Designing Data Pipelines", 44), ("Distributed Systems in Plain Words", 52),
        ("The Careful Programmer", 36),
        ("SQL Step by Step", 29), ("Python for Accountants", 34), ("Testing for the Impatient", 32),
        ("Typography for Screens", 39),
        ("Statistics without Tears", 27), ("The Network Engineer's Handbook", 58),
        ("Cloud Costs Explained", 42),
        ("Threat Modelling at Work", 38), ("A Small Book on Version Control", 19),
    )),
    Family("55101510", "Business and management books", _PRESS, (
        ("Negotiating with Suppliers", 24), ("Contabilidad para directivos", 39),
        ("Marketing in Small Companies", 22),
        ("The Honest Budget", 19), ("Hiring Well", 21), ("Meetings That End", 16),
        ("Derecho laboral básico", 34),
        ("Writing for Customers", 23), ("Public Speaking in a Week", 14),
        ("Spanish Tax Law, annotated", 79),
        ("Brand Stories", 26), ("Managing a Warehouse", 36), ("Procurement from the Ground Up", 31),
    )),
    Family("55101504", "Magazines and reference works", _PRESS, (
        ("Business dictionary English-Spanish", 29), ("Atlas of European Logistics", 95),
        ("Style guide for technical writers", 33),
        ("Annual almanac of trade fairs", 45),
    )),
    Family("14111507", "Printer or copier paper", _PAPER, (
        ("Copy paper A4, 80 g, 500 sheets", 6), ("Copy paper A4, 80 g, box of 5 reams", 27),
        ("Recycled paper A4, box of 5 reams", 31),
        ("Copy paper A3, 80 g, 500 sheets", 12), ("Card A4, 160 g, 250 sheets", 14),
        ("Photo paper A4, glossy, 100 sheets", 29),
        ("Label sheets A4, 24 labels, 100 sheets", 19), ("Flip chart paper, 5 pads", 38),
    )),
    Family("44121700", "Writing instruments", ("Plumilla", "Escriba", "Norrvik"), (
        ("Ballpoint pens, blue, box of 50", 14), ("Gel pens, black, box of 12", 18),
        ("Pencils HB, box of 72", 13),
        ("Whiteboard markers, 4 colours, set of 12", 7), ("Highlighters, set of 8", 9),
        ("Fineliners, set of 10", 16),
        ("Fountain pen, steel nib", 35), ("Permanent markers, box of 12", 15),
    )),
    Family("44122000", "Folders, binders and indexes", _PAPER, (
        ("Lever arch files, box of 10", 26), ("Ring binders, 4 rings, pack of 6", 17),
        ("Suspension files, box of 25", 19),
        ("Clear sleeves A4, box of 100", 8), ("Document boxes, pack of 5", 22),
        ("Cardboard dividers, 12 parts, pack of 10", 12),
    )),
    Family("44121600", "Desk supplies", _PAPER, (
        ("Stapler with 5,000 staples", 16), ("Heavy-duty stapler", 39), ("Hole punch, 4 holes", 23),
        ("Adhesive tape, pack of 10", 11),
        ("Sticky notes, 76 x 76 mm, pack of 12", 13), ("Paper clips, 1,000 pieces", 4),
        ("Desk organiser, bamboo", 29),
        ("Scissors, pack of 3", 12), ("Correction tape, pack of 6", 10), ("Date stamp", 9),
        ("Document shredder, cross cut", 129),
    )),
    Family("44103103", "Printer or facsimile toner", ("Claris", "Tintora"), (
        ("Toner, black, 3,000 pages", 64), ("Toner, black, 8,000 pages", 139),
        ("Toner set, 4 colours", 229),
        ("Ink cartridges, set of 4", 49), ("Drum unit, 12,000 pages", 89), ("Waste toner box", 24),
    ), 40),
    Family("44111900", "Boards", ("Claris", "Pizarra"), (
        ("Whiteboard, 120 x 90 cm, magnetic", 69), ("Whiteboard, 180 x 120 cm, enamel", 189),
        ("Cork board, 90 x 60 cm", 32),
        ("Mobile whiteboard with stand", 249), ("Flip chart with castors", 119),
    ), 10),
    Family("56112102", "Task seating", _SEATS, (
        ("Office chair with mesh back", 149), ("Office chair, adjustable lumbar support", 269),
        ("Executive chair, leather", 429),
        ("Visitor chair, stackable, pack of 4", 219), ("Standing stool, height adjustable", 189),
        ("Ergonomic chair, 24-hour use", 790),
    ), 25),
    Family("56101703", "Desks and tables", _SEATS, (
        ("Desk, 120 x 60 cm", 129), ("Desk, 160 x 80 cm, electric height", 489), ("Corner desk, left", 239),
        ("Meeting table for eight", 560),
        ("Desktop riser, sit-stand", 169), ("Drawer unit on castors, lockable", 149),
        ("Bookcase, 5 shelves", 119), ("Filing cabinet, steel", 279),
        ("Desk lamp, LED, dimmable", 45), ("Acoustic desk panel, 160 cm", 98),
    ), 15),
    Family("27112000", "Hand tools", ("Ferretera", "Granit"), (
        ("Screwdriver set, 24 pieces", 29), ("Cordless screwdriver with bits", 69),
        ("Crimping tool for network plugs", 34),
        ("Toolbox, 86 pieces", 119), ("Laser distance meter, 40 m", 49), ("Cable tester", 42),
    )),
    Family("50201706", "Coffee and tea", ("Cafetal", "Té del Norte"), (
        ("Coffee beans, 1 kg", 18), ("Coffee beans, box of 6 kg", 94),
        ("Espresso capsules, 100 pieces", 32),
        ("Green tea, 100 bags", 9), ("Sugar sticks, 1,000 pieces", 11),
    )),
    Family("52141500", "Domestic kitchen appliances", ("Hogarín", "Cafetal"), (
        ("Kettle, 1.7 l", 39), ("Coffee machine with grinder", 590), ("Microwave oven, 20 l", 99),
        ("Water dispenser with filter", 329),
        ("Refrigerator for the tea kitchen, 90 l", 289),
    ), 5),
    Family("46181500", "Safety apparel and first aid", ("Muralla", "Ferretera"), (
        ("First-aid box for offices", 32), ("High-visibility vests, pack of 10", 39),
        ("Safety shoes, pair", 69),
        ("Fire extinguisher, 2 kg, CO2", 58),
    )),
)  # fmt: skip
