"""Why something failed outside of this program, in French: the system's words and those for a connection.

A cause is kept in English, as a part of another text (`no connection (Connection refused)`), since it is known long
before it is known who reads it. What is not in the list is shown as it is.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from schemas.languages import Lang

_WITH_DETAIL: Final = re.compile(r"(?P<cause>[^(]*\S) \((?P<detail>.*)\)", re.DOTALL)

_OF_ROW: Final = re.compile(r"row (?P<row>\d+): (?P<cause>.*)", re.DOTALL)


def cause_in(text: str, lang: Lang) -> str:
    """A cause and what stands behind it in brackets, each in `lang` where it is known."""
    if lang == "en" or not text:
        return text
    if (whole := FRENCH.get(text)) is not None:
        return whole
    if (of_row := _OF_ROW.fullmatch(text)) is not None:
        return f"ligne {of_row['row']} : {cause_in(of_row['cause'], lang)}"
    parts = _WITH_DETAIL.fullmatch(text)
    if parts is None or (cause := FRENCH.get(parts["cause"])) is None:
        return text
    return f"{cause} ({cause_in(parts['detail'], lang)})"


FRENCH: Final = MappingProxyType(
    {
        # before anything was sent
        "no connection in time": "pas de connexion à temps",
        "the name can't be resolved": "le nom est introuvable",
        "the certificate is not accepted": "le certificat n'est pas accepté",
        "no secure connection": "pas de connexion sécurisée",
        "each connection was closed before it could be used": "chaque connexion s'est fermée avant de pouvoir servir",
        "the proxy opens no way": "le serveur mandataire n'ouvre aucun passage",
        "it hung up": "il a raccroché",
        "no connection": "pas de connexion",
        "the program was stopped for too long to send it": "le programme a été arrêté trop longtemps pour l'envoyer",
        # afterwards
        "no whole answer in time": "pas de réponse complète à temps",
        "something was said before the request had arrived, and is no answer to it": (
            "quelque chose a été dit avant l'arrivée de la demande, et n'y répond pas"
        ),
        "the connection was lost": "la connexion a été perdue",
        "it was closed without an answer": "elle s'est fermée sans réponse",
        "the answer broke off": "la réponse s'est interrompue",
        "the answer can't be read": "la réponse est illisible",
        "the answer changes the protocol": "la réponse change de protocole",
        "the answer is not HTTP": "la réponse n'est pas en HTTP",
        "the answer is larger than any answer of the API": ("la réponse est plus grande que toute réponse de l'API"),
        "the answer's headers are larger than any of the API's": (
            "les en-têtes de la réponse sont plus grands que ceux de l'API"
        ),
        # what an answer lacks
        "the answer is not a JSON object": "la réponse n'est pas un objet JSON",
        "the answer has no sessionId that is a UUID": "la réponse n'a pas de sessionId qui soit un UUID",
        "the answer has no usable access_token": "la réponse n'a pas d'access_token utilisable",
        "the answer has no status": "la réponse n'a pas d'état",
        "the answer names no session": "la réponse ne nomme aucune session",
        "the answer is about another session": "la réponse porte sur une autre session",
        "the answer is about another reference": "la réponse porte sur une autre référence",
        # what is wrong with a settings file
        "Cannot overwrite a value": "la valeur est donnée deux fois",
        "Expected '=' after a key in a key/value pair": "il manque « = » après le nom",
        "Expected ']' at the end of a table declaration": "il manque « ] » à la fin de la section",
        "Expected newline or end of document after a statement": "il y a du texte de trop après la valeur",
        "Found invalid character '\\n'": "un guillemet n'est pas fermé sur sa ligne",
        "Invalid statement": "la ligne est illisible",
        "Invalid value": "la valeur est illisible",
        "Unclosed array": "une liste n'est pas fermée",
        "Unterminated string": "un guillemet n'est pas fermé",
        # the system's own words
        "Address already in use": "l'adresse est déjà utilisée",
        "Broken pipe": "le lien est rompu",
        "Connection refused": "connexion refusée",
        "Connection reset by peer": "connexion coupée par l'autre côté",
        "Connection timed out": "délai de connexion dépassé",
        "Device or resource busy": "le périphérique est occupé",
        "Directory not empty": "le dossier n'est pas vide",
        "Disk quota exceeded": "le quota du disque est dépassé",
        "File exists": "le fichier existe déjà",
        "File name too long": "le nom du fichier est trop long",
        "File too large": "le fichier est trop grand",
        "Input/output error": "erreur d'entrée-sortie",
        "Invalid argument": "argument non valable",
        "Is a directory": "c'est un dossier",
        "Name or service not known": "nom ou service inconnu",
        "Network is unreachable": "le réseau est inaccessible",
        "No address associated with hostname": "aucune adresse pour ce nom",
        "No route to host": "aucun chemin vers l'hôte",
        "No space left on device": "le disque est plein",
        "No such device or address": "ce périphérique ou cette adresse n'existe pas",
        "No such file or directory": "ce fichier ou ce dossier n'existe pas",
        "Not a directory": "ce n'est pas un dossier",
        "Operation not permitted": "opération non permise",
        "Permission denied": "permission refusée",
        "Read-only file system": "le système de fichiers est en lecture seule",
        "Stale file handle": "le fichier a été remplacé",
        "Temporary failure in name resolution": "la résolution des noms échoue pour le moment",
        "Too many levels of symbolic links": "trop de liens symboliques",
        "Too many open files": "trop de fichiers ouverts",
        "certificate has expired": "le certificat est expiré",
        "certificate is not yet valid": "le certificat n'est pas encore valable",
        "self-signed certificate": "le certificat est signé par lui-même",
        "self-signed certificate in certificate chain": "la chaîne a un certificat signé par lui-même",
        "unable to get local issuer certificate": "l'émetteur du certificat est inconnu ici",
    }
)
