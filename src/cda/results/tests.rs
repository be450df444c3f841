#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;

const ENTRY: &str = r#"<templateId root="1.3.6.1.4.1.19376.1.3.1"/>"#;
const RESULT: &str = r#"<templateId root="1.3.6.1.4.1.19376.1.3.1.6"/>"#;

/// A document of one section with this text and this in the act of its entry.
fn document(section: &str, act: &str) -> String {
    format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:v3="urn:hl7-org:v3">
        <component><structuredBody><component><section><component><section>{section}<entry typeCode="DRIV">{ENTRY}
        <act classCode="ACT" moodCode="EVN"><statusCode code="completed"/>{act}</act></entry></section></component></section></component>
        </structuredBody></component></ClinicalDocument>"#
    )
}

fn read(section: &str, act: &str) -> Results {
    results(document(section, act).as_bytes()).unwrap()
}

/// A part of an act.
fn part(inner: &str) -> String {
    format!(r#"<entryRelationship typeCode="COMP">{inner}</entryRelationship>"#)
}

fn observation(inner: &str) -> String {
    format!(
        r#"<observation classCode="OBS" moodCode="EVN">{RESULT}<code code="1-8" codeSystem="2.16.840.1.113883.6.1"/>{inner}</observation>"#
    )
}

fn only(inner: &str) -> Item {
    let found = read("", &part(&observation(inner)));
    assert!(found.left.is_empty(), "{:?}", found.left);
    found.items.into_iter().next().unwrap()
}

fn amount(value: &str, unit: Option<&str>) -> Amount {
    Amount { value: value.into(), unit: unit.map(ToOwned::to_owned) }
}

#[test]
fn values_are_read_by_their_type() {
    let end = |value: &str, inclusive: bool| Some(End { amount: amount(value, Some("mg")), inclusive });
    let rows: [(&str, Option<Datum>); 17] = [
        (r#"<value xsi:type="PQ" value="1.950" unit="m[IU]/L"/>"#, Some(Datum::Amount(amount("1.950", Some("m[IU]/L"))))),
        (r#"<value xsi:type="v3:PQ" value="1"/>"#, Some(Datum::Amount(amount("1", None)))),
        (r#"<value xsi:type="REAL" value="2.0"/>"#, Some(Datum::Amount(amount("2.0", None)))),
        (r#"<value xsi:type="INT" value="3"/>"#, Some(Datum::Integer("3".into()))),
        (r#"<value xsi:type="IVL_PQ"><high value="5" unit="mg" inclusive="false"/></value>"#, Some(Datum::Interval(None, end("5", false)))),
        (
            r#"<value xsi:type="IVL_PQ"><low nullFlavor="NINF"/><high value="5" unit="mg"/></value>"#,
            Some(Datum::Interval(None, end("5", true))),
        ),
        (r#"<value xsi:type="IVL_PQ"><center value="5"/></value>"#, None),
        (r#"<value xsi:type="IVL_PQ"><low value="5"/><width value="2"/></value>"#, None),
        (r#"<value xsi:type="ST"> positif  ++ </value>"#, Some(Datum::Text("positif ++".into()))),
        (r#"<value xsi:type="ED" mediaType="application/pdf" representation="B64">JVBE</value>"#, None),
        (r#"<value xsi:type="TS" value="20260102"/>"#, Some(Datum::Time(Time::At("20260102".into())))),
        (
            r#"<value xsi:type="RTO"><numerator xsi:type="INT" value="1"/><denominator xsi:type="INT" value="128"/></value>"#,
            Some(Datum::Ratio(amount("1", None), amount("128", None))),
        ),
        (r#"<value xsi:type="BL" value="true"/>"#, Some(Datum::Boolean(true))),
        (r#"<value xsi:type="PQ" nullFlavor="ASKU"/>"#, Some(Datum::Null("ASKU".into()))),
        (
            r#"<value xsi:type="CD" nullFlavor="OTH"><originalText>autre</originalText></value>"#,
            Some(Datum::Concept(Concept { codes: Vec::new(), text: Some("autre".into()) })),
        ),
        (r#"<value xsi:type="CD" code="1" codeSystem="1.2"><qualifier/></value>"#, None),
        (r#"<value value="1"/>"#, None),
    ];
    for (value, expected) in rows {
        match expected {
            Some(expected) => assert_eq!(only(value).value, Some(expected), "{value}"),
            None => {
                let found = read("", &part(&observation(value)));
                assert_eq!((found.items.len(), found.left), (0, vec![(Left::Value, Some("1-8".to_owned()))]), "{value}");
            }
        }
    }
}

#[test]
fn words_are_those_of_the_section() {
    let section = r##"<text><table ID="all"><tr ID="line"><td><content ID="name">TSH  <content>ultra</content>sensible</content><br/>ECL</td>
        <td ID="found">1 &lt; 2</td></tr></table></text>"##;
    let code = |reference: &str| {
        format!(
            r##"<observation>{RESULT}<code><originalText><reference value="{reference}"/></originalText>
            <translation code="L1" codeSystem="1.2.3"/></code><value xsi:type="ED"><reference value="#found"/></value></observation>"##
        )
    };
    let rows = [("#name", "TSH ultrasensible"), ("name", "TSH ultrasensible"), ("#line", "TSH ultrasensible ECL 1 < 2")];
    for (reference, expected) in rows {
        let item = read(section, &part(&code(reference))).items.remove(0);
        let concept = item.code.unwrap();
        assert_eq!((concept.text.as_deref(), concept.codes[0].code.as_str()), (Some(expected), "L1"));
        assert_eq!(item.value, Some(Datum::Text("1 < 2".into())));
    }
    // What leads nowhere, and what is too long to be a name.
    let long = format!(r#"<text ID="long">{}</text>"#, "x ".repeat(100_000));
    for (section, reference) in [(section, "#none"), (long.as_str(), "#long")] {
        assert_eq!(read(section, &part(&code(reference).replace("#found", reference))).items.len(), 0);
    }
}

#[test]
fn what_stands_in_something_is_within_it() {
    let battery = |root: &str, inner: &str| {
        format!(r#"<organizer classCode="BATTERY" moodCode="EVN"><templateId root="{root}"/>{inner}</organizer>"#)
    };
    let component = |inner: &str| format!("<component>{inner}</component>");
    let value = observation(r#"<value xsi:type="INT" value="1"/>"#);
    let organism = r#"<effectiveTime value="20260103"/><specimen><specimenRole><specimenPlayingEntity>
        <code code="112283007" codeSystem="2.16.840.1.113883.6.96"/></specimenPlayingEntity></specimenRole></specimen>"#;
    let named = r#"<code code="18769-0" codeSystem="2.16.840.1.113883.6.1"/>"#;
    let antibiogram = battery("1.2.250.1.213.1.1.3.78", &format!("{named}{}", component(&value)));
    let nameless = battery("1.3.6.1.4.1.19376.1.3.1.4", &component(&value));
    let isolate = battery("1.3.6.1.4.1.19376.1.3.1.5", &format!("{organism}{}{}", component(&antibiogram), component(&nameless)));
    let collection = r#"<procedure><templateId root="1.3.6.1.4.1.19376.1.3.1.2"/><effectiveTime><high value="20260102"/></effectiveTime>
        <participant typeCode="PRD"><participantRole><playingEntity><code code="UR" codeSystem="1.2"/></playingEntity></participantRole>
        </participant><entryRelationship typeCode="COMP"><act><templateId root="1.2.250.1.213.1.1.3.107"/>
        <effectiveTime value="20260102"/></act></entryRelationship></procedure>"#;
    let comment = r#"<entryRelationship typeCode="SUBJ"><act><templateId root="1.2.250.1.213.1.1.3.32"/><text>à revoir</text></act>
        </entryRelationship>"#;
    let found = read("", &[part(collection), part(&isolate), part(&value), comment.to_owned()].concat());
    let shape: Vec<_> = found.items.iter().map(|item| (item.kind, item.within, item.specimen)).collect();
    assert_eq!(
        shape,
        [
            (Kind::Isolate, None, Some(1)),
            (Kind::Battery, Some(0), Some(1)),
            (Kind::Result, Some(1), Some(1)),
            (Kind::Result, Some(0), Some(1)),
            (Kind::Result, None, Some(0)),
        ]
    );
    assert_eq!(found.items[2].time, Some(Time::At("20260103".into())), "of what it stands in");
    assert_eq!(found.specimens[0].collected, Some(Time::At("20260102".into())));
    assert_eq!(found.specimens[0].received.as_deref(), Some("20260102"));
    assert_eq!((found.comments, found.statuses), (vec!["à revoir".to_owned()], vec!["completed".to_owned()]));
}

#[test]
fn what_is_no_result_of_the_person_is_left_out_with_its_reason() {
    let value = r#"<value xsi:type="INT" value="1"/>"#;
    let good = observation(value);
    let code = r#"<code code="1-8" codeSystem="2.16.840.1.113883.6.1"/>"#;
    let organizer = r#"<organizer><templateId root="1.3.6.1.4.1.19376.1.3.1.4"/>"#;
    let rows: [(String, Left); 10] = [
        (good.replacen("<code", "<subject><relatedSubject/></subject><code", 1), Left::Subject),
        (format!("{organizer}<subject/>{}</organizer>", part(&good)), Left::Subject),
        (good.replace("EVN", "RQO"), Left::Mood),
        (good.replacen("classCode", "negationInd=\"true\" classCode", 1), Left::Mood),
        (good.replacen("classCode", "negationInd=\"1\" classCode", 1), Left::Mood),
        (good.replacen("classCode", "nullFlavor=\"NI\" classCode", 1), Left::Mood),
        (good.replace(RESULT, ""), Left::Template),
        (good.replace(code, "<code nullFlavor=\"UNK\"/>"), Left::Code),
        (observation("<value xsi:type=\"MO\" value=\"1\" currency=\"EUR\"/>"), Left::Value),
        (observation(&value.repeat(2)), Left::Several),
    ];
    for (inner, expected) in rows {
        let found = read("", &[part(&inner), part(&good)].concat());
        assert_eq!((found.items.len(), found.left.iter().map(|(left, _)| *left).collect::<Vec<_>>()), (1, vec![expected]), "{inner}");
    }
    // The section of a donor.
    let found = read("<subject/>", &part(&good));
    assert_eq!((found.items.len(), found.left.len()), (0, 1));
    // Earlier results are none of this report, nor is what an entry of another kind says.
    let earlier = observation(&format!("{value}<entryRelationship typeCode=\"REFR\">{good}</entryRelationship>"));
    let found = read("", &part(&earlier));
    assert_eq!((found.items.len(), found.left.len()), (1, 0));
    let other = results(document("", &part(&good)).replace(ENTRY, "").as_bytes()).unwrap();
    assert!(!other.found && other.items.is_empty());
}

#[test]
fn ranges_on_conditions_are_left_out() {
    let range = |inner: &str| {
        format!("<value xsi:type=\"INT\" value=\"1\"/><referenceRange><observationRange>{inner}</observationRange></referenceRange>")
    };
    let low = r#"<value xsi:type="IVL_PQ"><low value="1"/></value>"#;
    let item = only(&range(low));
    assert_eq!((item.ranges.len(), item.ranges_left), (1, false));
    assert_eq!(only(&range("<text>négatif</text>")).ranges[0].text.as_deref(), Some("négatif"));
    for inner in [format!("<precondition><criterion/></precondition>{low}"), "<value xsi:type=\"PQ\"/>".into()] {
        let item = only(&range(&inner));
        assert_eq!((item.ranges.len(), item.ranges_left), (0, true), "{inner}");
    }
}

#[test]
fn more_than_is_read_is_not_read_at_all() {
    let good = part(&observation(r#"<value xsi:type="INT" value="1"/>"#));
    let many = |count: usize| read("", &good.repeat(count));
    assert_eq!(many(ITEMS_MAX).items.len(), ITEMS_MAX);
    for count in [ITEMS_MAX + 1, 100_000] {
        let found = many(count);
        assert!(found.found && found.too_many && found.items.is_empty(), "{count}");
    }
    // A copy of the document beside them counts for nothing, however large; neither does an entry of another kind.
    let copy = format!("<observationMedia><value representation=\"B64\">{}</value></observationMedia>", "A".repeat(2 << 20));
    let other = format!("<entry><act>{}</act></entry>", "<a/>".repeat(60_000));
    let found = read(&other, &[part(&copy), good.clone()].concat());
    assert!(!found.too_many && found.items.len() == 1);
    let words = observation(&format!("<value xsi:type=\"ST\">{}</value>", "a".repeat(2 << 20)));
    assert!(read("", &part(&words)).too_many);
    // A passage that thousands refer to, and a time that would be told with each of a thousand.
    let section = format!("<text ID=\"x\">{}</text>", "a".repeat(3900));
    let comment = "<entryRelationship typeCode=\"SUBJ\"><act><templateId root=\"1.2.250.1.213.1.1.3.32\"/><text><reference value=\"#x\"/></text></act></entryRelationship>";
    assert!(read(&section, &comment.repeat(8)).comments.len() == 8 && read(&section, &comment.repeat(400)).comments.len() == 8);
    let everyone: String = (0..300).map(|_| part(&observation("<value xsi:type=\"ST\"><reference value=\"#x\"/></value>"))).collect();
    assert!(read(&section, &everyone).too_many);
    let late = format!("<effectiveTime value=\"{}\"/>{good}", "2".repeat(1 << 20));
    assert_eq!(read("", &late).items[0].time, None);
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(cut in 0..2000_usize, noise in ".{0,40}") {
        let whole = document("<text ID=\"a\">x</text>", &part(&observation(r#"<value xsi:type="PQ" value="1" unit="mg"/>"#)));
        let cut = cut.min(whole.len());
        if whole.is_char_boundary(cut) {
            let (before, after) = whole.split_at(cut);
            let _ = results(format!("{before}{noise}{after}").as_bytes());
            let _ = results(before.as_bytes());
        }
    }
}
