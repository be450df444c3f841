#!/usr/bin/env python3
"""Makes elements.tsv and codes.tsv from the R4 definitions (FHIR 4.0.1), keeping facts only.

Usage: generate.py PATH...   each PATH a directory of JSON files (npm package hl7.fhir.r4.examples 4.0.1, CC0) or a .ndjson.gz

elements.tsv: path, min, max, types, codes, summary. Types are separated by blanks; `#path` repeats the content of another element;
`Reference(A|B)` lists targets. codes: the value set of a required binding of a `code`, listed in codes.tsv.
summary: whether the element is part of `_summary=true`.
"""
import gzip, json, os, sys

RESOURCES = """AuditEvent Binary CareTeam Consent DocumentReference HealthcareService Location OperationOutcome Organization Parameters Patient
Practitioner PractitionerRole RelatedPerson""".split()
# Some builds of the definitions add these to Meta; R4 does not have them.
FOREIGN = {f"Meta.{name}" for name in "project author onBehalfOf account accounts compartment".split()}
SKIPPED = {"Resource", "DomainResource", "Element", "BackboneElement"}


def resources(paths):
    for path in paths:
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                if name.endswith(".json"):
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        yield json.load(file)
        else:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                yield from map(json.loads, file)


def type_of(part):
    code = part["code"].removeprefix("http://hl7.org/fhirpath/System.")
    code = "uri" if code == "String" else code
    targets = [t.rsplit("/", 1)[-1] for t in part.get("targetProfile", [])]
    return f"{code}({'|'.join(targets)})" if code == "Reference" and targets else code


def main():
    structures, sets, systems = {}, {}, {}
    for resource in resources(sys.argv[1:]):
        kind = resource.get("resourceType")
        if kind == "StructureDefinition" and resource.get("derivation") != "constraint":
            structures[resource["type"]] = resource
        elif kind == "ValueSet":
            sets.setdefault(resource["url"], resource)
        elif kind == "CodeSystem":
            systems.setdefault(resource["url"], resource)

    def concepts(listed):
        for concept in listed:
            yield concept["code"]
            yield from concepts(concept.get("concept", []))

    def expand(url):
        codes = []
        for include in sets[url]["compose"]["include"]:
            if "concept" in include:
                codes += [c["code"] for c in include["concept"]]
            elif "system" in include and "filter" not in include and include["system"] in systems:
                codes += list(concepts(systems[include["system"]].get("concept", [])))
            elif "valueSet" in include:
                for inner in include["valueSet"]:
                    codes += expand(inner.split("|")[0])
            else:
                return []
        return codes

    rows, used = [], {}
    for name, structure in sorted(structures.items()):
        wanted = structure["kind"] == "complex-type" or name in RESOURCES
        if not wanted or name in SKIPPED or structure.get("abstract"):
            continue
        for element in structure["snapshot"]["element"][1:]:
            if element["base"]["path"].split(".")[0] in SKIPPED or element["path"] in FOREIGN:
                continue
            types = " ".join(type_of(part) for part in element.get("type", [])) or element["contentReference"]
            binding, codes = element.get("binding", {}), "-"
            if binding.get("strength") == "required" and types == "code":
                url = binding["valueSet"].split("|")[0]
                found = expand(url) if url in sets else []
                if found:
                    codes = url.rsplit("/", 1)[-1]
                    used[codes] = sorted(set(found))
            summary = "yes" if element.get("isSummary") else "-"
            rows.append("\t".join([element["path"], str(element["min"]), element["max"], types, codes, summary]))
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "elements.tsv"), "w", encoding="utf-8") as file:
        file.write("\n".join(["path\tmin\tmax\ttypes\tcodes\tsummary", *rows]) + "\n")
    with open(os.path.join(here, "codes.tsv"), "w", encoding="utf-8") as file:
        file.write("\n".join(["set\tcodes", *(f"{name}\t{' '.join(codes)}" for name, codes in sorted(used.items()))]) + "\n")


main()
