//! What a narrative may hold.

use super::super::check_narrative;

fn div(content: &str) -> String {
    format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{content}</div>")
}

#[test]
fn harmless_markup_is_accepted() {
    let rows = [
        "texte",
        "&#160;",
        "<![CDATA[a < b]]>",
        "<img src=\"#pic\" alt=\"\"/>",
        "<img src=\"image.png\"/>",
        "<img src=\"https://example.org/a.png\"/>",
        "<img src=\"cid:part1@example.org\"/>",
        "<img src=\"data:image/png;base64,AAAA\"/>",
        "<img src=\"data:image/svg+xml;base64,AAAA\"/>",
        "<a href=\"#a\">x</a><a name=\"a\">y</a><a>z</a><a href=\"mailto:a@example.org\">m</a><a href=\"Patient/1?x=javascript:y\">r</a>",
        "<a href=\"urn:oid:1.2.3\">x</a>",
        "<h1>1</h1><h6>6</h6><p>p<br/></p><hr/><ul><li>x</li></ul><dl><dt>t</dt><dd>d</dd></dl>\
         <blockquote cite=\"a\">b</blockquote><pre> a\n b</pre>",
        "<table border=\"1\" cellpadding=\"0\" cellspacing=\"0\" summary=\"s\"><caption>c</caption><colgroup><col span=\"2\"/></colgroup>\
         <thead><tr><th scope=\"col\" bgcolor=\"#fff\">h</th></tr></thead><tfoot><tr><td colspan=\"2\">f</td></tr></tfoot>\
         <tbody><tr><td align=\"right\" valign=\"top\" nowrap=\"nowrap\">d</td></tr></tbody></table>",
        "<b>b</b><i>i</i><tt>t</tt><big>b</big><small>s</small><em>e</em><strong>s</strong><sub>1</sub><sup>2</sup><q>q</q><kbd>k</kbd>\
         <var>v</var><samp>s</samp><code>c</code><cite>c</cite><dfn>d</dfn><abbr title=\"t\">a</abbr><acronym>a</acronym>\
         <address>a</address>\
         <bdo dir=\"rtl\">b</bdo><span id=\"s\" class=\"c\" lang=\"fr\" xml:lang=\"fr\" xml:space=\"preserve\" title=\"t\">s</span>",
        "x<!-- comment -->",
        "x<!-- a < b && c > d [if -->",
        "<p style=\"color: red; background: url('image.png') no-repeat; font: bold 10px 'Behavioral'\">x</p>",
        "<p style=\"background: url(data:image/png;base64,AA)\">x</p>",
        "<p style=\"background: url(a);x-script: b\">x</p>",
        "<p xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:unused=\"u:x\">x</p>",
    ];
    for content in rows {
        assert_eq!(check_narrative(&div(content)), Ok(()), "{content}");
    }
    for text in [
        " \n<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>\n",
        "<!-- c --><div xmlns='http://www.w3.org/1999/xhtml' class=\"c\">x</div>",
    ] {
        assert_eq!(check_narrative(text), Ok(()), "{text}");
    }
}

/// Content of a `div`, and what the message names.
#[test]
fn anything_active_is_refused() {
    let rows = [
        ("<script>x</script>", "element `script`"),
        ("<SCRIPT>x</SCRIPT>", "element `SCRIPT`"),
        ("<form>x</form>", "element `form`"),
        ("<input type=\"text\"/>", "element `input`"),
        ("<iframe src=\"x\"/>", "element `iframe`"),
        ("<frame/>", "element `frame`"),
        ("<object>x</object>", "element `object`"),
        ("<embed/>", "element `embed`"),
        ("<applet/>", "element `applet`"),
        ("<link rel=\"stylesheet\"/>", "element `link`"),
        ("<base href=\"x\"/>", "element `base`"),
        ("<style>p {}</style>", "element `style`"),
        ("<head/>", "element `head`"),
        ("<body>x</body>", "element `body`"),
        ("<ins>x</ins>", "element `ins`"),
        ("<del>x</del>", "element `del`"),
        ("<video/>", "element `video`"),
        ("<button>x</button>", "element `button`"),
        ("<textarea/>", "element `textarea`"),
        ("<noscript>x</noscript>", "element `noscript`"),
        ("<xmp>x</xmp>", "element `xmp`"),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "`svg` is not in the namespace"),
        ("<p xmlns=\"\">x</p>", "`p` is not in the namespace"),
        ("<p xmlns=\"http://hl7.org/fhir\">x</p>", "`p` is not in the namespace"),
        ("<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">x</h:script>", "`h:script` has a prefix"),
        ("<h:p xmlns:h=\"http://www.w3.org/1999/xhtml\">x</h:p>", "`h:p` has a prefix"),
        ("<p onclick=\"x()\">x</p>", "attribute `onclick`"),
        ("<p ONCLICK=\"x()\">x</p>", "attribute `ONCLICK`"),
        ("<img src=\"a\" onerror = 'x()'/>", "attribute `onerror`"),
        ("<p formaction=\"x\">x</p>", "attribute `formaction`"),
        ("<img srcset=\"x\"/>", "attribute `srcset`"),
        ("<p xml:base=\"javascript:\">x</p>", "attribute `base`"),
        ("<a xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"x\">x</a>", "attribute `href`"),
        ("<a href=\"javascript:x()\">x</a>", "attribute `href`"),
        ("<a href=\"JaVaScRiPt:x()\">x</a>", "attribute `href`"),
        ("<a href=\" \t\njavascript:x()\">x</a>", "attribute `href`"),
        ("<a href=\"java&#10;script:x()\">x</a>", "attribute `href`"),
        ("<a href=\"&#x6A;avascript&#58;x()\">x</a>", "attribute `href`"),
        ("<a href=\"&#x85;javascript:x()\">x</a>", "attribute `href`"),
        ("<a href=\"vbscript:x\">x</a>", "attribute `href`"),
        ("<a href=\"data:text/html,x\">x</a>", "attribute `href`"),
        ("<a href=\"data:,x\">x</a>", "attribute `href`"),
        ("<a href=\"data:image/svg+xml,x\">x</a>", "attribute `href`"),
        ("<img src=\"javascript:x()\"/>", "attribute `src`"),
        ("<img src=\"data:text/html;base64,AA\"/>", "attribute `src`"),
        ("<q cite=\"javascript:x()\">x</q>", "attribute `cite`"),
        ("<p style=\"width: expression(x())\">x</p>", "`expression(`"),
        ("<p style=\"width: EXPRESSION (x())\">x</p>", "`expression(`"),
        ("<p style=\"width: exp/* */ression(x())\">x</p>", "`expression(`"),
        ("<p style=\"width: \\65 xpression(x())\">x</p>", "`expression(`"),
        ("<p style=\"width: e\\xpression(x())\">x</p>", "`expression(`"),
        ("<p style=\"width: &#x65;xpression(x())\">x</p>", "`expression(`"),
        ("<p style=\"content: '/*'; width: expression(x()); content: '*/'\">x</p>", "`expression(`"),
        ("<p style=\"background: url('javascript:x()')\">x</p>", "`javascript:`"),
        ("<p style=\"background: url( &quot;data:text/html,x&quot; )\">x</p>", "active content"),
        ("<p style=\"behavior: url(x.htc)\">x</p>", "`behavior:`"),
        ("<p style=\"-moz-binding: url(x.xml)\">x</p>", "`-moz-binding`"),
        ("<p style=\"@import 'x.css'\">x</p>", "`@import`"),
        ("x<!--[if IE]><script>x</script><![endif]-->", "conditional comment"),
        ("x<!-- [IF gte mso 9]> -->", "conditional comment"),
        ("x<!--><script>x()</script>-->", "does not begin with `>`"),
        ("x<!---><script>x()</script>-->", "does not begin with `>`"),
        ("<![CDATA[><script>x()</script>]]>", "CDATA section"),
        ("x<?php x ?>", "processing instruction"),
        ("x<!DOCTYPE a>", "DOCTYPE"),
        ("&nbsp;", "`&nbsp;`"),
        ("&#0;", "`&#0;`"),
        ("x\u{1}", "a character that XML does not allow"),
        ("<p>x", "expected the end of `p`"),
        ("<p>x</P>", "expected the end of `p`"),
        ("<p a='1' a='2'>x</p>", "stands twice"),
        ("<br>", "expected the end of `br`"),
        ("a < b", "not the name of an element"),
        ("a & b", "not closed"),
        ("x</div><script>y</script>", "a second root"),
        ("x</div>y", "expected the end"),
        ("", "some text or an image"),
        (" \n<p> </p><br/><!-- x --><img alt=\"x\"/>", "some text or an image"),
    ];
    for (content, message) in rows {
        let mut text = div(content);
        if content.starts_with("x</div>") {
            text.truncate(text.len() - "</div>".len());
        }
        let error = check_narrative(&text).map(|()| panic!("{text} is accepted")).unwrap_err();
        assert!(error.contains(message) || content == "x</div>y", "{error} for {text}");
    }
}

#[test]
fn a_narrative_is_one_div() {
    let xhtml = "xmlns=\"http://www.w3.org/1999/xhtml\"";
    let rows = [
        "".to_owned(),
        "texte".to_owned(),
        "<div>x</div>".to_owned(),
        "<div xmlns=\"http://hl7.org/fhir\">x</div>".to_owned(),
        format!("<p {xhtml}>x</p>"),
        format!("<DIV {xhtml}>x</DIV>"),
        format!("<h:div {}>x</h:div>", xhtml.replace("xmlns", "xmlns:h")),
        format!("<div {xhtml}>x</div><div {xhtml}>y</div>"),
        format!("<div {xhtml}>x</div>y"),
        format!("x<div {xhtml}>y</div>"),
        format!("<div {xhtml}>x"),
        format!("<?xml version=\"1.0\"?><div {xhtml}>x</div>"),
        format!("\u{FEFF}<div {xhtml}>x</div>"),
        format!("<!--[if IE]--><div {xhtml}>x</div>"),
    ];
    for text in rows {
        let error = check_narrative(&text).map(|()| panic!("{text} is accepted")).unwrap_err();
        assert!(!error.is_empty() && !error.ends_with('.'), "{error}");
    }
}
