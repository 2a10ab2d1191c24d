"""Rebuilds ``proxy/payloads/emoji_table.json``, the shortcodes the reference proxy expands.

The reference proxy expands with the Go library kyokomi/emoji v2.2.4, whose map of 2020 is the
union of GitHub's names, emojione 5's, those of Unicode's chart of Emoji 13.0 and Slack's, a later
list overriding an earlier one. No Python library holds that union, but nearly every code of it is
in the emoji databases of pymdown-extensions, in ``emoji``, or follows from a rule. The tables
below name the codes that follow none.

Run it by hand, in an environment that has both libraries::

    pip install --group emoji
    python tools/build_emoji_table.py
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import emoji
from pymdownx import emoji1_db, gemoji_db, twemoji_db

TABLE: Final = Path(__file__).parent.parent.joinpath(
    "mmpush_tui", "proxy", "payloads", "emoji_table.json"
)

NEWEST: Final = 13.0
"""The Emoji version of the reference's lists; it leaves alone what came later."""
NEWEST_TONED: Final = 5.0
"""Skin tones are in emojione 5's list alone, and that one is older."""

ZWJ: Final = "\u200d"
VS16: Final = "\ufe0f"
FEMALE: Final = f"{ZWJ}\u2640{VS16}"
MALE: Final = f"{ZWJ}\u2642{VS16}"

# What the reference's lists said otherwise than the libraries do today.
VALUES: Final = {
    "beach_umbrella": "\u26f1",
    "beetle": "\U0001f41e",
    "bride_with_veil": "\U0001f470",
    "couple_with_heart": f"\U0001f469{ZWJ}\u2764{VS16}{ZWJ}\U0001f468",
    "couplekiss": f"\U0001f469{ZWJ}\u2764{VS16}{ZWJ}\U0001f48b{ZWJ}\U0001f468",
    "email": f"\u2709{VS16}",
    "eye-in-speech-bubble": f"\U0001f441{VS16}{ZWJ}\U0001f5e8{VS16}",
    "eye_in_speech_bubble": f"\U0001f441{VS16}{ZWJ}\U0001f5e8{VS16}",
    "family": f"\U0001f468{ZWJ}\U0001f469{ZWJ}\U0001f466",
    # The generator of the reference's map lower-cased its emoji, and this one is a letter.
    "m": f"\u24dc{VS16}",
    "man_beard": "\U0001f9d4",
    "man_in_tuxedo": "\U0001f935",
    "medal": f"\U0001f396{VS16}",
    "pencil": "\u270f",
    "pouting_face": "\U0001f621",
    "satellite": f"\U0001f6f0{VS16}",
    "snowman": f"\u2603{VS16}",
    "umbrella": f"\u2602{VS16}",
}

# Persons that Slack's list had made a man or a woman.
MEN: Final = """
    bicyclist bow construction_worker cop elf genie golfer merperson mountain_bicyclist
    person_in_steamy_room person_with_ball person_with_blond_hair rowboat runner sleuth_or_spy
    surfer swimmer walking weight_lifter zombie
"""
WOMEN: Final = """
    dancers fairy haircut information_desk_person mage massage no_good person_climbing
    person_frowning person_in_lotus_position person_with_pouting_face raising_hand vampire
"""

# Emojione's list and Unicode's chart wrote these without the variation selector.
BARE: Final = """
    A_button_(blood_type) B_button_(blood_type) Japanese_congratulations_button
    Japanese_monthly_amount_button Japanese_secret_button Japanese_service_charge_button
    O_button_(blood_type) P_button airplane_small anger_right atom balance_scale ballot_box beach
    bellhop biohazard calendar_spiral card_box check_box_with_check circled_M clamp clock
    cloud_lightning cloud_rain cloud_snow cloud_tornado cloud_with_lightning
    cloud_with_lightning_and_rain cloud_with_rain cloud_with_snow computer_mouse construction_site
    couch crayon cross cruise_ship dagger derelict_house desktop detective dividers
    double_exclamation_mark dove down-left_arrow down-right_arrow eight-pointed_star
    eight-spoked_asterisk eject_button envelope exclamation_question_mark flag_white fleur-de-lis
    fork_and_knife_with_plate fork_knife_plate fountain_pen frame_photo framed_picture frowning2
    frowning_face hammer_pick hand_with_fingers_splayed heart_exclamation helmet_with_cross homes
    house_abandoned houses index_pointing_up island key2 last_track_button left-right_arrow
    left_arrow_curving_right map microphone2 military_medal motorboat motorcycle mountain_snow
    mouse_three_button multiply newspaper2 next_track_button notepad_spiral oil om paintbrush
    paperclips park pause_button peace pen pen_ballpoint pen_fountain person_in_suit_levitating
    play_button play_or_pause_button play_pause projector race_car radioactive record_button
    recycling_symbol rescue_worker\u2019s_helmet reverse_button right_arrow_curving_down
    right_arrow_curving_left right_arrow_curving_up rolled-up_newspaper satellite_orbital
    skull_crossbones snow-capped_mountain snowman2 speaking_head speech_left spiral_calendar
    spiral_notepad star_of_David stop_button sun_behind_large_cloud sun_behind_rain_cloud
    sun_behind_small_cloud telephone thunder_cloud_rain tickets timer tools track_next
    track_previous transgender_symbol umbrella2 up-down_arrow up-left_arrow up-right_arrow urn
    white_flag white_sun_cloud white_sun_rain_cloud white_sun_small_cloud wind_face
"""

# Aliases in the libraries, names in the reference's lists.
ALIASES: Final = """
    badminton_racquet_and_shuttlecock biohazard_sign black_circle_for_record
    black_left_pointing_double_triangle_with_vertical_bar
    black_right_pointing_double_triangle_with_vertical_bar
    black_right_pointing_triangle_with_double_vertical_bar black_square_for_stop blond-haired_man
    blond-haired_woman cricket_bat_and_ball dagger_knife derelict_house_building direct_hit
    double_vertical_bar dove_of_peace drum_with_drumsticks face_with_cowboy_hat
    face_with_symbols_over_mouth field_hockey_stick_and_ball first_place_medal frame_with_picture
    heavy_heart_exclamation_mark_ornament helmet_with_white_cross house_buildings hugging_face
    ice_hockey_stick_and_puck kiwifruit lower_left_ballpoint_pen lower_left_crayon
    lower_left_fountain_pen lower_left_paintbrush man_beard man_gesturing_no man_gesturing_ok
    man_getting_face_massage man_in_business_suit_levitating
    man_in_business_suit_levitating_tone1 man_in_business_suit_levitating_tone2
    man_in_business_suit_levitating_tone3 man_in_business_suit_levitating_tone4
    man_in_business_suit_levitating_tone5 man_with_chinese_cap men_with_bunny_ears_partying
    menorah_with_nine_branches people_with_bunny_ears_partying person_doing_cartwheel
    person_gesturing_no person_gesturing_ok person_with_ball pistol question_mark
    racing_motorcycle radioactive_sign robot_face rolled_up_newspaper second_place_medal
    shopping_trolley sleuth_or_spy smiling_face_with_3_hearts snow_capped_mountain
    speaking_head_in_silhouette spiral_calendar_pad spiral_note_pad t_rex
    table_tennis_paddle_and_ball third_place_medal three_button_mouse thunder_cloud_and_rain
    unicorn_face waving_black_flag waving_white_flag weight_lifter white_frowning_face
    woman_gesturing_no woman_gesturing_ok woman_getting_face_massage womans_flat_shoe
    women_with_bunny_ears_partying
"""

# Names in the libraries that the reference's lists did not have, or no longer, or not yet.
UNKNOWN: Final = re.compile(
    r"basketball_player|bullseye|cartwheel|England|enraged_face|face_with_crossed-out_eyes|hand_splayed"
    r"|levitate|lifter|Mx_Claus|person_beard|pinata|red_(?:exclamation|question)_mark"
    r"|regional_indicator_.|Scotland|smiling_face_with_open_hands|spy|Wales|water_pistol|ZZZ"
    r"|(?:levitate|skier|person_in_tuxedo|person_with_veil|(?:wo)?man_in_santa_hat"
    r"|woman_levit?ate)_tone.|tone."
)
TONED: Final = re.compile(r"_tone[1-5]")
TONED_TWICE: Final = re.compile(r"_tone[1-5]_tone[1-5]")

# Renamed by Unicode since.
COUNTRIES: Final = {
    "Congo-Brazzaville": "Congo_-_Brazzaville",
    "Congo-Kinshasa": "Congo_-_Kinshasa",
    "French_Southern_and_Antarctic_Lands": "French_Southern_Territories",
    "Heard_Island_&_McDonald_Islands": "Heard_&_McDonald_Islands",
    "St._Helena_Ascension_&_Tristan_da_Cunha": "St._Helena",
    "T\u00fcrkiye": "Turkey",
}

# Slack has these under a second name, so the reference falls back to letters for them.
UNMAPPED_FLAGS: Final = "cn de es fr gb it jp kr ru us"

SLACK: Final = {
    "bald_person": "person_bald",
    "barely_sunny": "white_sun_behind_cloud",
    "blond-haired-man": "blond-haired_man",
    "blond-haired-woman": "blond-haired_woman",
    "crazy_face": "zany_face",
    "curly_haired_person": "person_curly_hair",
    "exclamation_mark": "exclamation",
    "female-doctor": "woman_health_worker",
    "giraffe_face": "giraffe",
    "i_love_you_hand_sign": "love_you_gesture",
    "keycap_star": "asterisk",
    "knife_fork_plate": "plate_with_cutlery",
    "lightning": "cloud_with_lightning",
    "male-doctor": "man_health_worker",
    "man-with-bunny-ears-partying": "men_with_bunny_ears_partying",
    "man-wrestling": "men_wrestling",
    "mate_drink": "mate",
    "mostly_sunny": "sun_behind_small_cloud",
    "partly_sunny_rain": "sun_behind_rain_cloud",
    "person_with_headscarf": "woman_with_headscarf",
    "pi_ata": "pi\u00f1ata",
    "rain_cloud": "cloud_with_rain",
    "rainbow-flag": "rainbow_flag",
    "red_haired_person": "person_red_hair",
    "skin-tone-2": "tone1",
    "skin-tone-3": "tone2",
    "skin-tone-4": "tone3",
    "skin-tone-5": "tone4",
    "skin-tone-6": "tone5",
    "snow_cloud": "cloud_with_snow",
    "spock-hand": "vulcan_salute",
    "the_horns": "metal",
    "white_haired_person": "person_white_hair",
    "woman-with-bunny-ears-partying": "women_with_bunny_ears_partying",
    "woman-wrestling": "women_wrestling",
    "zebra_face": "zebra",
}
SLACK_SHAPES: Final = """
    blue_square brown_circle brown_square green_circle green_square orange_circle orange_square
    purple_circle purple_square red_square yellow_circle yellow_square
"""
SLACK_JOBS: Final = """
    artist astronaut construction-worker cook detective factory-worker farmer firefighter guard
    judge mechanic office-worker pilot police-officer scientist singer student teacher technologist
"""
SLACK_BEINGS: Final = "elf fairy genie mage superhero supervillain vampire zombie"
SLACK_DEEDS: Final = """
    biking bouncing-ball bowing cartwheeling facepalming frowning gesturing-no gesturing-ok
    getting-haircut getting-massage golfing juggling lifting-weights mountain-biking
    playing-handball playing-water-polo pouting raising-hand rowing-boat running shrugging surfing
    swimming tipping-hand walking wearing-turban
"""
SLACK_PARENTS: Final = "man woman man-man man-woman woman-woman"
SLACK_CHILDREN: Final = "boy boy-boy girl girl-boy girl-girl"
SLACK_COUPLES: Final = "man-{}-man woman-{}-man woman-{}-woman"
PARTS: Final = {
    "man": "\U0001f468",
    "woman": "\U0001f469",
    "boy": "\U0001f466",
    "girl": "\U0001f467",
    "heart": f"\u2764{VS16}",
    "kiss": f"\u2764{VS16}{ZWJ}\U0001f48b",
}

VERSIONS: Final = {char.replace(VS16, ""): data["E"] for char, data in emoji.EMOJI_DATA.items()}


def main() -> None:
    """Write the table, a line for each code."""
    table = build()
    lines = ",\n".join(
        json.dumps({code: table[code]}, ensure_ascii=False)[1:-1] for code in sorted(table)
    )
    TABLE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    sys.stdout.write(f"{len(table)} codes\n")


def build() -> dict[str, str]:
    """Return every code, without its colons, and the emoji it stands for."""
    gemoji, emojione, twemoji = map(read_pymdown, (gemoji_db, emoji1_db, twemoji_db))
    qualified = {
        char: data
        for char, data in emoji.EMOJI_DATA.items()
        if data["status"] <= emoji.STATUS["fully_qualified"]
    }
    unicode = {data["en"].strip(":"): char for char, data in qualified.items()}
    aliases = {
        alias.strip(":"): char
        for char, data in qualified.items()
        for alias in data.get("alias", ())
    }
    # An earlier library wins.
    every = {**aliases, **unicode, **twemoji, **emojione, **gemoji}
    names = {
        *gemoji,
        *(code.strip(":") for code in emoji1_db.emoji if not TONED.search(code)),
        *(code.strip(":") for code in twemoji_db.emoji if TONED.search(code)),
        *(name for name in unicode if "skin_tone" not in name),
    }
    table = {
        code: every[code]
        for code in names
        if not is_flag(unicode.get(code, ""))
        and not UNKNOWN.fullmatch(code)
        and not TONED_TWICE.search(code)
        and 0 < version(every[code]) <= (NEWEST_TONED if TONED.search(code) else NEWEST)
    }
    table |= {code: every[code] for code in ALIASES.split()}
    # Unicode has since split both by gender, and the old emoji got the new names.
    for tone in "12345":
        table[f"bride_with_veil_tone{tone}"] = every[f"person_with_veil_tone{tone}"]
        table[f"man_in_tuxedo_tone{tone}"] = every[f"person_in_tuxedo_tone{tone}"]
    table |= dict(flags(unicode))
    table |= dict(slack(every))
    table |= {code: every[code] + MALE for code in MEN.split()}
    table |= {code: every[code] + FEMALE for code in WOMEN.split()}
    table |= {code: every[code].removesuffix(VS16) for code in BARE.split()}
    return table | VALUES


def read_pymdown(database: Any) -> dict[str, str]:
    """Return the codes and aliases of one of pymdown-extensions' databases."""
    table = {
        code.strip(":"): "".join(
            chr(int(point, 16)) for point in entry.get("unicode_alt", entry["unicode"]).split("-")
        )
        for code, entry in database.emoji.items()
        # GitHub's pictures have no characters.
        if entry.get("unicode")
    }
    return table | {
        alias.strip(":"): table[code.strip(":")]
        for alias, code in database.aliases.items()
        if code.strip(":") in table
    }


def version(char: str) -> float:
    """Return the Emoji version that brought ``char``, 0 for what is no emoji."""
    return float(VERSIONS.get(char.replace(VS16, ""), 0))


def is_flag(char: str) -> bool:
    """Whether ``char`` is a country's flag."""
    return len(char) == 2 and all("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in char)


def flags(unicode: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the flags by Unicode's names and by Slack's."""
    for name, char in unicode.items():
        if is_flag(char) and version(char) <= NEWEST:
            yield f"flag_{COUNTRIES.get(name, name)}", char
            country = "".join(chr(ord(letter) - 0x1F1E6 + ord("a")) for letter in char)
            if country not in UNMAPPED_FLAGS.split():
                yield f"flag-{country}", char
    for name in ("England", "Scotland", "Wales"):
        yield f"flag_{name}", unicode[name]
        yield f"flag-{name.lower()}", unicode[name]


def slack(every: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the codes that only Slack has, by the codes others have for the same emoji."""
    for code, other in SLACK.items():
        yield code, every[other]
    for shape in SLACK_SHAPES.split():
        yield f"large_{shape}", every[shape]
    for one, slacks in (("man", "male"), ("woman", "female")):
        for job in SLACK_JOBS.split():
            yield f"{slacks}-{job}", every[f"{one}-{job}".replace("-", "_")]
        for being in SLACK_BEINGS.split():
            yield f"{slacks}_{being}", every[f"{one}_{being}"]
        for deed in SLACK_DEEDS.split():
            yield f"{one}-{deed}", every[f"{one}-{deed}".replace("-", "_")]
    families = (
        f"{parents}-{child}"
        for parents in SLACK_PARENTS.split()
        for child in SLACK_CHILDREN.split()
    )
    couples = (
        couple.format(love) for couple in SLACK_COUPLES.split() for love in ("heart", "kiss")
    )
    for group in chain(families, couples):
        yield group, ZWJ.join(PARTS[part] for part in group.split("-"))


if __name__ == "__main__":
    main()
