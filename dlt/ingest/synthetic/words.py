"""Word lists of eight languages, and the phrases made of them."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Language:
    """A language: its code, plain words, button labels and menu labels."""

    code: str
    words: tuple[str, ...]
    actions: tuple[str, ...]
    menu: tuple[str, ...]


def _language(code: str, words: str, actions: str, menu: str) -> Language:
    return Language(code, tuple(words.split()), tuple(actions.split("/")), tuple(menu.split()))


LANGUAGES = (
    _language(
        "en",
        "garden light with every morning river house we build quiet places people who care about"
        " fresh bread and small details from the first idea to finished work our team plans"
        " open spaces near water for all seasons local wood simple lines strong roots",
        "Read more/Get started/Book a visit/Contact us/See plans/Try it/Learn more/Join now",
        "Home About Services Work Blog Contact Prices Team Careers Help",
    ),
    _language(
        "de",
        "Garten Licht mit jedem Morgen Fluss Haus wir bauen ruhige Orte Menschen die sich um"
        " frisches Brot und kleine Dinge kümmern von der ersten Idee bis zur fertigen Arbeit unser"
        " Team plant offene Räume nahe am Wasser für alle Jahreszeiten Holz klare Linien Wurzeln",
        "Mehr lesen/Jetzt starten/Termin buchen/Kontakt/Preise ansehen/Testen/Mitmachen",
        "Start Über Leistungen Projekte Magazin Kontakt Preise Team Karriere Hilfe",
    ),
    _language(
        "fr",
        "jardin lumière avec chaque matin rivière maison nous créons des lieux calmes pour ceux qui"
        " aiment le pain frais et les petits détails de la première idée au travail fini notre"
        " équipe dessine espaces ouverts près de l'eau toutes saisons bois local lignes simples",
        "Lire la suite/Commencer/Réserver/Nous écrire/Voir les prix/Essayer/Découvrir",
        "Accueil Société Services Projets Journal Contact Tarifs Équipe Carrières Aide",
    ),
    _language(
        "es",
        "jardín luz con cada mañana río casa creamos lugares tranquilos para personas que cuidan"
        " el pan fresco y los pequeños detalles desde la primera idea hasta la obra terminada"
        " nuestro equipo dibuja espacios abiertos cerca del agua todas las estaciones madera local",
        "Leer más/Empezar/Reservar/Contacto/Ver precios/Probar ahora/Saber más",
        "Inicio Nosotros Servicios Obras Blog Contacto Precios Equipo Empleo Ayuda",
    ),
    _language(
        "pl",
        "ogród światło z każdym rankiem rzeka dom budujemy ciche miejsca dla ludzi którzy cenią"
        " świeży chleb i drobne szczegóły od pierwszego pomysłu do gotowej pracy nasz zespół"
        " tworzy otwarte przestrzenie blisko wody przez cały rok drewno proste linie korzenie",
        "Czytaj dalej/Zacznij/Umów wizytę/Kontakt/Zobacz ceny/Wypróbuj/Dołącz",
        "Start Firma Usługi Prace Blog Kontakt Cennik Zespół Kariera Pomoc",
    ),
    _language(
        "ru",
        "сад свет каждое утро река дом мы строим тихие места для людей которые любят свежий хлеб и"
        " малые детали от первой идеи до готовой работы наша команда создаёт открытые пространства"
        " рядом с водой круглый год местное дерево простые линии крепкие корни",
        "Подробнее/Начать/Записаться/Связаться/Смотреть цены/Попробовать/Узнать больше",
        "Главная Компания Услуги Работы Блог Контакты Цены Команда Вакансии Помощь",
    ),
    _language(
        "el",
        "κήπος φως με κάθε πρωί ποτάμι σπίτι χτίζουμε ήσυχους τόπους για ανθρώπους που αγαπούν το"
        " φρέσκο ψωμί και τις μικρές λεπτομέρειες από την πρώτη ιδέα ως το έργο η ομάδα μας"
        " σχεδιάζει ανοιχτούς χώρους κοντά στο νερό όλες τις εποχές ξύλο απλές γραμμές",
        "Περισσότερα/Ξεκινήστε/Κράτηση/Επικοινωνία/Δείτε τιμές/Δοκιμή/Μάθετε πιο πολλά",
        "Αρχική Εταιρεία Υπηρεσίες Έργα Νέα Επαφή Τιμές Ομάδα Θέσεις Βοήθεια",
    ),
    _language(
        "tr",
        "bahçe ışık her sabah nehir ev kurarız sessiz yerler taze ekmek ve küçük ayrıntılar seven"
        " insanlar için ilk fikirden biten işe kadar ekibimiz suya yakın açık alanlar çizer bütün"
        " mevsimler yerel ahşap yalın çizgiler güçlü kökler",
        "Devamını oku/Başla/Randevu al/Bize yazın/Fiyatlar/Deneyin/Katılın",
        "Anasayfa Hakkında Hizmetler İşler Blog İletişim Fiyatlar Ekip Kariyer Yardım",
    ),
)

_NAMES = ("Ada", "Boris", "Clara", "Darek", "Elena", "Firat", "Gisela", "Hugo", "Irini", "Jonas")
_SURNAMES = ("Almeida", "Brandt", "Costa", "Demir", "Evans", "Fontaine", "Georgiou", "Huber")


def phrase(rng: Random, language: Language, least: int, most: int) -> str:
    """A capitalised run of `least` to `most` words."""
    chosen = rng.choices(language.words, k=rng.randint(least, most))
    text = " ".join(chosen)
    return text[0].upper() + text[1:]


def sentences(rng: Random, language: Language, least: int, most: int) -> str:
    """One to three sentences of `least` to `most` words together."""
    count = rng.randint(least, most)
    parts = max(1, min(3, count // 8))
    return " ".join(
        phrase(rng, language, count // parts, count // parts) + "." for _ in range(parts)
    )


def person(rng: Random) -> str:
    """A made-up name."""
    return f"{rng.choice(_NAMES)} {rng.choice(_SURNAMES)}"


def date(rng: Random) -> str:
    """A date in figures."""
    return f"{rng.randint(1, 28):02d}.{rng.randint(1, 12):02d}.20{rng.randint(20, 29)}"
