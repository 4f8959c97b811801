/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML from strangers, read through libxml2.
 */
#include "ir/ir_xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_SIZE = 512 << 20 };

typedef struct Refusal {
    bool doctype, deep;
} Refusal;

/* Called before the first entity of the DOCTYPE is read. */
static void refuse_doctype(void *arg, const xmlChar *name, const xmlChar *id,
                           const xmlChar *uri)
{
    xmlParserCtxt *ctxt = arg;
    (void)name;
    (void)id;
    (void)uri;
    ((Refusal *)ctxt->_private)->doctype = true;
    xmlStopParser(ctxt);
}

static void bounded_start(void *arg, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri, int n_namespaces,
                          const xmlChar **namespaces, int n_attributes, int n_defaulted,
                          const xmlChar **attributes)
{
    xmlParserCtxt *ctxt = arg;
    if (ctxt->nodeNr >= MAX_DEPTH) {
        ((Refusal *)ctxt->_private)->deep = true;
        xmlStopParser(ctxt);
        return;
    }
    xmlSAX2StartElementNs(arg, name, prefix, uri, n_namespaces, namespaces, n_attributes,
                          n_defaulted, attributes);
}

static CarinaStatus explain(xmlParserCtxt *ctxt, const Refusal *refusal, const char *path,
                            CarinaError *err)
{
    if (refusal->doctype)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: it holds a DOCTYPE, which no IR has; entities are not read",
                      path);
    if (refusal->deep)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%s: line %d: elements are nested deeper than %d", path,
                      ctxt->lastError.line ? ctxt->lastError.line
                                           : (ctxt->input ? ctxt->input->line : 0),
                      MAX_DEPTH);
    const xmlError *e = &ctxt->lastError;
    if (e->code == XML_ERR_NO_MEMORY)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory while reading XML",
                      path);
    size_t n = e->message ? strlen(e->message) : 0;
    while (n && (e->message[n - 1] == '\n' || e->message[n - 1] == ' '))
        n--;
    return ca_err(
        err, CARINA_ERR_FORMAT,
        "%s: line %d: not well-formed XML (%.*s); the file is damaged or was cut", path,
        e->line, (int)n, e->message ? e->message : "");
}

/* libxml2 has errors that belong to no parser, of encodings for one; it would print them. */
static void say_nothing(void *arg, const char *format, ...)
{
    (void)arg;
    (void)format;
}

CarinaStatus ca_xml_parse(xmlDoc **out, const char *path, const void *data, size_t size,
                          CarinaError *err)
{
    Refusal refusal = {0};
    *out = NULL;
    if (size == 0)
        return ca_err(err, CARINA_ERR_FORMAT, "%s: the file is empty", path);
    if (size > MAX_SIZE)
        return ca_err(err, CARINA_ERR_LIMIT, "%s: %zu bytes of XML; at most %d are read",
                      path, size, MAX_SIZE);
    xmlParserCtxt *ctxt = xmlNewParserCtxt();
    if (!ctxt)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory while reading XML",
                      path);
    ctxt->_private = &refusal;
    ctxt->sax->internalSubset = refuse_doctype;
    ctxt->sax->startElementNs = bounded_start;
    const xmlGenericErrorFunc printer = xmlGenericError; /* of this thread */
    void *const printer_arg = xmlGenericErrorContext;
    xmlSetGenericErrorFunc(NULL, say_nothing);
    /* NOENT: attribute values come as one text each; there are no entities but XML's own five. */
    xmlDoc *doc =
        xmlCtxtReadMemory(ctxt, data, (int)size, NULL, NULL,
                          XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA |
                              XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlSetGenericErrorFunc(printer_arg, printer);
    CarinaStatus status = CARINA_OK;
    if (!doc || !ctxt->wellFormed || refusal.doctype || refusal.deep) {
        status = explain(ctxt, &refusal, path, err);
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(ctxt);
    *out = doc;
    return status;
}

const char *ca_xml_attr(const xmlNode *node, const char *name)
{
    for (const xmlAttr *a = node->properties; a; a = a->next)
        if (strcmp((const char *)a->name, name) == 0)
            return a->children && a->children->content
                       ? (const char *)a->children->content
                       : "";
    return NULL;
}

bool ca_xml_is(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE &&
           (!name || strcmp((const char *)node->name, name) == 0);
}

static xmlNode *first_of(xmlNode *node, const char *name)
{
    while (node && !ca_xml_is(node, name))
        node = node->next;
    return node;
}

xmlNode *ca_xml_child(const xmlNode *node, const char *name)
{
    return node ? first_of(node->children, name) : NULL;
}

xmlNode *ca_xml_next(const xmlNode *node, const char *name)
{
    return first_of(node->next, name);
}

const char *ca_xml_text(const xmlNode *node)
{
    const xmlNode *text = node->children;
    return text && text->type == XML_TEXT_NODE && text->content
               ? (const char *)text->content
               : "";
}

/* Bytes of the UTF-8 character at s, 0 where it is none that XML allows. */
static size_t utf8_length(const unsigned char *s)
{
    const unsigned c = s[0];
    if (c < 0x80)
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    const size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    uint32_t code = c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool bad = code < lowest[n] || code > 0x10ffff ||
                     (code >= 0xd800 && code < 0xe000) || code == 0xfffe ||
                     code == 0xffff;
    return bad ? 0 : n;
}

void ca_xml_escape(CaText *t, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        const size_t n = utf8_length(s);
        if (*s == '&')
            ca_text_add(t, "&amp;");
        else if (*s == '<')
            ca_text_add(t, "&lt;");
        else if (*s == '>')
            ca_text_add(t, "&gt;");
        else if (*s == '"')
            ca_text_add(t, "&quot;");
        else if (n == 1 && *s < 0x20)
            ca_text_add(t, "&#%d;", *s);
        else if (n)
            ca_text_add_n(t, (const char *)s, n);
        else
            ca_text_add(t, "?");
        s += n ? n : 1;
    }
}
