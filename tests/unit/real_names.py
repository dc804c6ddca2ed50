"""Names as Canadian sheets hold them (first name, last name), made up from common and less common real ones."""

_TEXT = """
Zoé Tremblay;Émilie Gagnon;Jean-François Roy;Marie-Ève Côté;Anne Bouchard;Luc Gauthier;Geneviève Morin;Benoît Lavoie
Gaétan Fortin;Noémie Gagné;François Ouellet;Chloé Pelletier;Jérôme Bélanger;Maxime Lévesque;Hélène Bergeron;Guy Leblanc
Éric Paquette;Josée Girard;Stéphane Simard;Mélanie Boucher;Cédric Caron;Aurélie Beaulieu;Yves Cloutier;Ghislain Dubé
Françoise Poirier;Loïc Fournier;Maëlle Lapointe;Océane Leclerc;Théo Lefebvre;Jean-Guy St-Pierre;Marie-Claude St-Onge
Renée D'Amours;Réjean L'Heureux;Solange L'Écuyer;Thérèse D'Astous;Marc-André De La Durantaye;Anaïs De Grandpré
Pierre-Luc Du Sablon;Catherine Des Rosiers;Joël Le Bouthillier;Lise La Rue;Mireille Saint-Amand;Raymond Bois
Marie Madeleine Jean;Martin Martin;Thomas Thomas;Étienne Prud'homme;Ève Ève;Guy Lafleur;Rose Laflamme;Yvon Labbé
James Smith;Mary Brown;Robert MacDonald;Patricia McLean;John O'Brien;Jennifer O’Connor;Michael Wilson;Linda Martin
William Campbell;Elizabeth Stewart;David Anderson;Barbara Thompson;Richard Taylor;Susan Moore;Joseph Young;Jessica King
Thomas Wright;Sarah Scott;Charles Green;Karen Baker;Christopher Hill;Nancy Nelson;Daniel Mitchell;Lisa Roberts
Matthew Turner;Betty Phillips;Anthony Parker;Margaret Evans;Mark Edwards;Sandra Collins;Donald Stewart;Ashley Morris
Steven Price;Kimberly Church;Paul Bell;Emily Cook;Andrew Masters;Donna Priest;Joshua Bishop;Michelle Knight
Ken St. John;Dr Sebastian Klein?;Mary Jo Fitzgerald;Billy Bob Thornton;Jo-Anne Fraser;Terry-Lynn Cox;J'Nai Bridges
Sean O'Neil;Siobhán Ní Dhomhnaill;Niamh Ó Briain;Llŷr Gwyn;Iain MacGillivray;Eilidh NicDhòmhnaill;Aonghas Mac an Tàilleir
Hank Williams Jr.;Robert Downey Jr;Harry Connick III;John Paul II;Lee Sr.;Sammy Davis, Jr.
Mona Lord;Frank Baron;Grace Prince;Duke Ellington;Earl Grey;Major Harris;Rex King;Queenie Watts;Princess Green;Pearl Abbott
Miles Davis;Dean Martin;Judge Reinhold;Sir Winston?;Doc Watson;Reverend Davis;Rev Al;Bill Banks;Art Price;Penny Cash
Art Bills;Gill Service;Ivan Company?;Faith Corp?;Hope Solo;Cash Jones;Grant Money;Chase Banks;Tom Ford;Joy Group?
Kw'iyalheq Point;Sḵwx̱wú Baker;Hən̓q̓əmin̓əm̓ Grant;Xwalacktun Harry;Tłı̨chǫ Mackenzie;Dene Cardinal;Miskwa Kakakaway
Atanarjuat Innuksuk;Uyarasuk Kunuk;Inuksuk Ittinuar;Qajaq Robinson;Aqqalu Kleist;Nanook Ningiuk;Siku Allooloo;Ookpik Arnaituk
Tȟatȟáŋka Íyotake;Waneek Horn-Miller;Kahentinetha Horn;Kanien'kehá Jacobs;Ellen Gabriel;Ovide Mercredi;Autumn Peltier
Tantoo Cardinal;Buffy Sainte-Marie;Gord Bear;Leona Two Axe;John Running Deer;Mary Two-Axe Earley;Joe Crow Shoe
Rose Many Grey Horses;Tom Crane Bear;Lee Maracle;Eden Robinson;Jody Wilson-Raybould;Murray Sinclair;Phil Fontaine
Wei Chen;Li Wang;Xiu Ying Zhang;Min Liu;Jing Yang;Mei-Ling Wu;Kwok Wai Lam;Siu Ming Chan;Yuk Lan Cheung;Ka-Shing Li
Xin Xu;Ye E;Lü Bu;Nǚ Wá;An Ou;Bo Yi;He Shi;Jun Ma;Qi Xi;Yu Yu;Zi Wei Ng;Suk Yin Ng;Tak Hung Au;Wing Yee Or;Kin Ip
Hiroshi Tanaka;Yuki Satō;Ai Ito;Kenji Ōno;Haruka Abe;Jun'ichirō Koizumi;Aki Ii;Taro Oe;Sakura Ueda;Ryo Endo
Min-jun Kim;Seo-yeon Lee;Ji Hoon Park;Hye-jin Choi;Sung Ho Oh;Eun Ah Ahn;In-Sook Yoo;Young Ho Son;Do-yun Im;Bo Ra Ma
Nguyễn Thị Hồng;Văn Anh Trần;Thị Mai Lê;Minh Đức Phạm;Quốc Hưng Huỳnh;Ngọc Ánh Võ;Thanh Tâm Đặng;Bảo Bùi;Duy Hồ;Y Lan Ngô
Maria Santos;Jose Dela Cruz;Juan de los Reyes;Ana Macaraeg;Ma. Teresa Bautista;Rodrigo Ñonuevo;Bong Go;Imelda Sy;Jun Uy
Amrit Kaur;Gurpreet Singh;Harjit Dhillon;Manpreet Gill;Jaspreet Sandhu;Sukhwinder Sidhu;Rajinder Grewal;Balwinder Brar
Priya Sharma;Rahul Patel;Anjali Gupta;Sanjay Iyer;Lakshmi Venkataraman;Subramaniam Pillai;Deepa Nair;Arun Menon
Chandrasekaran Krishnamoorthy;Padmanabhan Thirunavukkarasu;Kumar Das;Anil Dey;Mita Sen;Ravi Rao;Om Jha;Uma De;Asha K C
Muhammad Khan;Fatima Ahmed;Ayesha Siddiqui;Ali Raza;Bilal Hussain;Zainab Malik;Imran Sheikh;Noor ul Ain;Zia ul Haq
Mohammed Al-Sayed;Layla El Khoury;Omar Haddad;Yusuf Abu Bakr;Khalid bin Rashid;Nour Abdel-Rahman;Hassan al-Masri
Amina Ben Ali;Karim Bensaïd;Samira Aït Ahmed;Rachid Ould Daddah;Nadia Bouazizi;Mehdi N'Dour;Salma M'Barek;Hind Et-Taleb
Reza Hosseini;Shirin Ebadi;Dariush Pour;Parisa Mohammadi;Ahmad Shah;Farzana Noorzai;Navid Ayoubi;Golnaz Azad
Oksana Kovalenko;Volodymyr Shevchenko;Iryna Mel’nyk;Dmytro Hryhorenko;Natalia Ivanova;Aleksandr Pushkin;Svetlana Orlova
Katarzyna Wójcik;Łukasz Nowak;Małgorzata Żak;Stanisław Błaszczyk;Zdzisław Szczęsny;Jiří Dvořák;Šárka Čermáková;Ľubomír Šťastný
Đorđe Petrović;Živko Đurić;Ljiljana Šarić;Željko Ražnatović;Ivan Ćosić;Mária Kovács;Győző Szőke;Ágnes Nagy;Attila Őri
Ștefan Țăran;Ioana Brâncuși;Gheorghe Mureșan;Elena Popescu;Andrei Ionescu;Maria Ene;Dan Ion
João Gonçalves;Conceição Araújo;António Sá;Inês Simões;Fernão Magalhães;JOÃO MAGALHÃES;CONCEIÇÃO SÃO JOSÉ;Luís da Câmara
Manuel de Sá e Melo;Beatriz dos Santos;Gonçalo Guimarães;Tomé Brandão;Ângela Ângelo;ÂNGELA LÂNGUIDA;José d'Ávila
Sofía Martínez;Íñigo Núñez;María José Ibáñez;Ángel Peña;José Ortega y Gasset;Begoña Güell;Ramón y Cajal;Lucía de la O
Giuseppe Di Stefano;Maria D'Angelo;Niccolò Dell'Aquila;Antonio Lo Presti;Rosa De Luca;Francesca Li Causi;Enzo Ferrò
Jürgen Müller;Björn Grönemeyer;Käthe Größe;Günther von Weizsäcker;Ursula van der Leyen;Jan van 't Hoff;Sjoerd IJsselmeer
Søren Kjærgaard;Åsa Ångström;Jón Þórðarson;Guðrún Ævarsdóttir;Øystein Åse;Päivi Yli-Hämäläinen;Åke Öst;Õie Üksküla
Olivier Mbongo;Ngozi Okonkwo;Chukwuemeka Onyeama;Adébáyọ̀ Ògúnlẹ́sì;Kwame Nkrumah;Ousmane N'Diaye;Fatou Diop;Aïssatou Bâ
Thabo Mbeki;Nomvula Xaba;Tariro Ncube;Abebe Bikila;Tsegaye Gebre-Medhin;Haile Selassie;Wanjikũ Mũrĩithi;Jean-Bosco Uwimana
Jean-Baptiste Toussaint;Marie-Flore Désir;Wyclef Jean;Dany Laferrière;Usain Bolt;Sherika Reid-Campbell;Winston Church
Dikembe Mutombo;Keanu Kahananui;Kaʻiulani Cleghorn;Tāne Māhuta;Hōne Te Rangi;Sione Tu'ipulotu;Malia O Keola
Yael Ben-David;Moshe Levy;Chaya Goldstein;Menachem Mendel Schneersohn;Avraham Tzvi Katz;Rivka bat Miriam
Aram Khachaturian;Nairi Ter-Petrossian;Eleni Papadopoulou;Konstantinos Alexopoulos;Ioannis Kyriakou;Ayşe Yılmaz;Çağlar Söyüncü
Gökhan Şahin;İbrahim Öztürk;Agim Çeku;Xhevdet Shala;Levan Gelashvili;Nino Ts'ereteli;Tenzin Gyatso;Dawa Sherpa;Batbayar T
王 伟;李 娜;Иван Петров;Ольга Соколова;Νίκος Παπαδόπουλος;محمد علي;ਹਰਜੀਤ ਸਿੰਘ;김 민준;ᐊᓂᑕ ᓄᓇ
"""


def real_names() -> list[tuple[str, str]]:
    """First and last names: the last word is the last name, unless a particle says that it is longer."""
    whole = [name.strip() for line in _TEXT.splitlines() for name in line.split(";") if name.strip()]
    return [_parts(name) for name in whole if not name.endswith("?")]


_PARTICLES = {
    "de",
    "du",
    "des",
    "le",
    "la",
    "st.",
    "el",
    "abu",
    "ben",
    "van",
    "von",
    "di",
    "lo",
    "li",
    "dela",
    "bin",
    "ul",
}


def _parts(name: str) -> tuple[str, str]:
    words = name.split()
    at = next((at for at, word in enumerate(words) if at and word.casefold() in _PARTICLES), 0)
    if words[-1].rstrip(".") in ("Jr", "Sr", "III", "II") and len(words) > 2:
        at = len(words) - 2
    at = at or len(words) - 1
    return " ".join(words[:at]), " ".join(words[at:])
