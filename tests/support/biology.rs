//! Invented reports of laboratories as clinical documents (CDA R2, level 3).

use super::cda::{Cda, cda};

/// The system of LOINC.
const LOINC: &str = "2.16.840.1.113883.6.1";

/// Version `version` of report `number` about a person, with these parts in the act of its entry.
pub fn biology(ins: &str, number: u32, version: u32, parts: &[String]) -> Cda {
    let mut document = cda(ins, 1).of_type("11502-2").named(&format!("1.2.250.1.999.9.{number}.{version}"), "");
    document.title = "Compte rendu d'examens biologiques".into();
    document.template = "1.2.250.1.213.1.1.1.55".into();
    document.structure = "1690000027".into();
    document.version = (format!("1.2.250.1.999.9.{number}"), version);
    document.status = "completed".into();
    document.body = body(parts);
    document
}

/// A body of level 3.
pub fn body(parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("<entryRelationship typeCode=\"COMP\">{part}</entryRelationship>")).collect();
    format!(
        "<structuredBody><component><section><templateId root=\"1.3.6.1.4.1.19376.1.3.3.2.1\"/>\
         <code code=\"18719-5\" codeSystem=\"{LOINC}\"/><title>Biochimie</title>\
         <text><table><tbody><tr><td><content ID=\"name\">Thyréostimuline (TSH)</content></td></tr></tbody></table></text>\
         <entry typeCode=\"DRIV\"><templateId root=\"1.3.6.1.4.1.19376.1.3.1\"/><act classCode=\"ACT\" moodCode=\"EVN\">\
         <code code=\"18719-5\" codeSystem=\"{LOINC}\"/><statusCode code=\"completed\"/>{parts}</act></entry></section></component>\
         </structuredBody>"
    )
}

/// A result: of what, and what more is said of it.
pub fn observed(code: &str, more: &str) -> String {
    format!(
        "<observation classCode=\"OBS\" moodCode=\"EVN\"><templateId root=\"1.3.6.1.4.1.19376.1.3.1.6\"/>\
         <code code=\"{code}\" codeSystem=\"{LOINC}\"><originalText><reference value=\"#name\"/></originalText></code>\
         <statusCode code=\"completed\"/><effectiveTime value=\"20261001074500+0200\"/>{more}</observation>"
    )
}

/// A result with a quantity.
pub fn measured(code: &str, value: &str, unit: &str) -> String {
    observed(
        code,
        &format!(
            "<value xsi:type=\"PQ\" value=\"{value}\" unit=\"{unit}\"/><interpretationCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.83\"/>\
             <referenceRange><observationRange><value xsi:type=\"IVL_PQ\"><low value=\"0.270\" unit=\"{unit}\"/>\
             <high value=\"4.200\" unit=\"{unit}\"/></value></observationRange></referenceRange>"
        ),
    )
}

/// Thyrotropin.
pub fn tsh(value: &str) -> String {
    measured("3016-3", value, "m[IU]/L")
}

/// A battery of this code.
pub fn battery(code: &str, parts: &[String]) -> String {
    organizer("1.3.6.1.4.1.19376.1.3.1.4", &format!("<code code=\"{code}\" codeSystem=\"{LOINC}\"/>"), parts)
}

/// An isolate of this organism of SNOMED CT.
pub fn isolate(organism: &str, parts: &[String]) -> String {
    let code = format!("<code code=\"{organism}\" codeSystem=\"2.16.840.1.113883.6.96\"/>");
    let role = format!("<specimenRole><specimenPlayingEntity>{code}</specimenPlayingEntity></specimenRole>");
    organizer("1.3.6.1.4.1.19376.1.3.1.5", &format!("<specimen>{role}</specimen>"), parts)
}

fn organizer(template: &str, more: &str, parts: &[String]) -> String {
    let parts: String = parts.iter().map(|part| format!("<component>{part}</component>")).collect();
    format!("<organizer moodCode=\"EVN\"><templateId root=\"{template}\"/>{more}<statusCode code=\"completed\"/>{parts}</organizer>")
}
