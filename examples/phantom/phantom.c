/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws chest phantoms; phantom.h says what they are.
 *
 * Patient coordinates: u to the image's right (the patient's left, where the heart is), v down,
 * both about -1..1. A small rotation, scale and shift (the pose) leads from them to pixels. All
 * random numbers of the patient and of every finding are drawn whether used or not: so findings
 * do not change the patient.
 */
#include "phantom.h"

#include <math.h>
#include <string.h>

enum { SIDE = PHANTOM_SIDE, VESSELS = 13, BLOBS = 12, GRID = 9 };

typedef struct {
    uint64_t state;
} Dice;

typedef struct {
    double u0, v0, u1, v1, u2, v2; /* quadratic Bezier curve, from the hilum outwards */
    double width, strength;
} Vessel;

typedef struct {
    /* pose */
    double c, s, size, du, dv;
    /* anatomy */
    double cage, apex, wall, torso, dome[2], turn, shoulder, heart_v, heart_tilt, aorta,
        breast;
    double rib_v, rib_step, rib_width, rib_bone, front_bone, clavicle_v, clavicle_slope,
        bubble;
    double ctr; /* heart width / chest width */
    Vessel vessels[2][VESSELS];
    double cloud[GRID][GRID]; /* slow unevenness of soft tissue */
    /* film */
    double gain, lift, curve, noise;
} Patient;

/* A finding that is absent has a side of -1; side 0 is u < 0 (the patient's right). */
typedef struct {
    int effusion, nodule, pneumothorax, consolidation;
    double level, fluid; /* effusion: height over the angle, attenuation */
    double nodule_u, nodule_v, nodule_r, nodule_mu;
    double gap, gap_low; /* pneumothorax: width at the apex, share of it at the base */
    double blob_u[BLOBS], blob_v[BLOBS], blob_r[BLOBS], blob_mu;
    int n_blobs;
} Findings;

typedef struct {
    float vessels[SIDE][SIDE], opacity[SIDE][SIDE], noise[SIDE][SIDE];
} Maps;

static const char *const names[PHANTOM_FINDINGS] = {
    "Effusion", "Nodule", "Cardiomegaly", "Pneumothorax", "Consolidation",
};

const char *phantom_finding_name(int bit) { return names[bit]; }

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t roll(Dice *d)
{
    uint64_t z = d->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double between(Dice *d, double lo, double hi)
{
    return lo + (hi - lo) * ((double)(roll(d) >> 11) * 0x1p-53);
}

/* Bell-shaped around the middle, never outside: the mean of three. */
static double around(Dice *d, double mid, double reach)
{
    const double a = between(d, -1, 1), b = between(d, -1, 1), c = between(d, -1, 1);
    return mid + reach * (a + b + c) / 3;
}

uint64_t phantom_seed(uint64_t series, uint64_t i)
{
    Dice d = {series};
    d.state = roll(&d) + i;
    return roll(&d);
}

unsigned phantom_pick_findings(uint64_t seed)
{
    Dice d = {seed ^ 0xF1D1465u};
    unsigned set = 0;
    for (unsigned i = 0; i < PHANTOM_FINDINGS; i++)
        set |= (unsigned)(between(&d, 0, 1) < 0.25) << i;
    return set;
}

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* 0 for d < -w, 1 for d > w, smooth between: a soft edge where d is the depth inside. */
static double edge(double d, double w)
{
    const double t = clamp(d / w * 0.5 + 0.5, 0, 1);
    return t * t * (3 - 2 * t);
}

/* A bell of height 1 and half-width about w, without exp. */
static double bump(double x, double w)
{
    const double t = x / w, a = 1 / (1 + t * t * 0.35);
    return a * a * a;
}

/* --- anatomy: outlines -------------------------------------------------------------------- */

/* Half-width of the rib cage's inside at v; 0 above the apex. */
static double cage_at(const Patient *p, double v)
{
    const double low = 0.30, t = (low - v) / (low - p->apex);
    if (t >= 1)
        return 0;
    return t <= 0 ? p->cage + 0.02 * t : p->cage * sqrt(1 - t * t * (0.8 + 0.2 * t * t));
}

/* Half-width of the upright soft tissue between the lungs. */
static double middle_at(double v)
{
    const double high = v < -0.42 ? -0.42 - v : 0;
    return 0.105 + 0.03 * edge(v + 0.1, 0.3) + 1.2 * high * high;
}

/* v of the diaphragm over |u| on a side: a dome that falls steeply to the costophrenic angle. */
static double dome_at(const Patient *p, int side, double a)
{
    const double x = (a - 0.36) / 0.40,
                 y = x > 0 ? x * x * (0.7 + 0.55 * x * x) : 0.7 * x * x;
    return p->dome[side] + 0.22 * y;
}

/* v of the pleura's outline that a pneumothorax leaves: the cage, moved in and down. */
static double pleura_at(const Patient *p, const Findings *f, double v)
{
    const double t = clamp((0.6 - v) / (0.6 - p->apex), 0, 1);
    const double gap = f->gap * (f->gap_low + (1 - f->gap_low) * t);
    return cage_at(p, v - 0.9 * gap) - gap;
}

/* Half-width of the body: neck, shoulders, flanks. */
static double body_at(const Patient *p, double v)
{
    const double neck = 0.25, slope = clamp((v - p->shoulder) / 0.34, 0, 1);
    const double shoulders = neck + 1.05 * slope * (1.6 - 0.6 * slope);
    const double flank = p->cage + p->wall + 0.05 * (1 - v) * (1 - v) * 0.5;
    const double arm = edge(v + 0.28, 0.22); /* below the armpit only the flank is left */
    return shoulders * (1 - arm) + (flank < shoulders ? flank : shoulders) * arm;
}

/* --- anatomy: bones ----------------------------------------------------------------------- */

/* A rib's section: two cortical edges around a paler middle. */
static double bone_band(double d, double w)
{
    const double in = edge(w - fabs(d), 0.014);
    return in * (0.62 + 0.5 * bump(fabs(d) - 0.72 * w, 0.35 * w));
}

static double ribs(const Patient *p, double a, double v, double w)
{
    double sum = 0;
    const double x = w > 0.05 ? a / w : 2;
    if (x > 1.12)
        return 0;
    const double side = edge(1.05 - x, 0.07);
    for (int i = 0; i < 9;
         i++) { /* behind: out from the spine, nearly level, then down */
        const double reach = 0.028 * i;
        const double at = p->rib_v + p->rib_step * i - 0.05 * x * (1.6 - x) +
                          (0.11 + reach) * x * x * x;
        if (fabs(v - at) < 0.06)
            sum += p->rib_bone * side * edge(a - 0.07, 0.03) *
                   bone_band(v - at, p->rib_width);
    }
    for (int i = 0; i < 7; i++) { /* in front: from the side down to the cartilage */
        const double at =
            p->rib_v + 0.20 + p->rib_step * 1.12 * i + 0.42 * (1 - x) * (1.35 - x);
        const double bone = edge(x - 0.42 - 0.02 * i, 0.08); /* cartilage does not show */
        if (fabs(v - at) < 0.07 && bone > 0)
            sum += p->front_bone * side * bone * bone_band(v - at, p->rib_width * 1.15);
    }
    return sum;
}

static double clavicle(const Patient *p, double a, double v)
{
    const double x = a / 0.8,
                 at = p->clavicle_v - p->clavicle_slope * x * (1.5 - 0.75 * x * x);
    return edge(a - 0.085, 0.02) * edge(0.92 - a, 0.1) *
           bone_band(v - at, 0.028 + 0.012 * bump(a - 0.12, 0.08));
}

static double spine(double u, double v)
{
    double t = v * 7.2 + 20.3;
    t -= (double)(int)t; /* place within one vertebra */
    const double disc = bump(t - 0.5, 0.10), body = edge(0.082 - fabs(u), 0.022);
    const double process = bump(u, 0.012) * bump(t - 0.95, 0.14);
    return body * (0.105 - 0.05 * disc) + 0.04 * process;
}

/* Scapula: a pale blade over the upper outer lung and its brighter border. */
static double scapula(double a, double v, double w)
{
    const double d = a - (w + 0.02 - 0.22 * (v + 0.2));
    return edge(d + 0.02, 0.03) * edge(0.22 - d, 0.1) * edge(v + 0.72, 0.08) *
           edge(-0.05 - v, 0.1) * (0.05 + 0.04 * bump(d - 0.01, 0.02));
}

/* --- anatomy: heart and great vessels -------------------------------------------------------- */

static double ellipse(double u, double v, double a, double b)
{
    const double r = sqrt(u * u / (a * a) + v * v / (b * b));
    return (1 - r) * (a < b ? a : b); /* about the depth inside */
}

/* Depth inside the heart's shadow. Its width is ctr of the chest's; a third lies at the right. */
static double heart(const Patient *p, double u, double v)
{
    const double width = 2 * p->cage * p->ctr, half = width / 2, t = p->heart_tilt;
    const double n = 1 / sqrt(1 + t * t), c = n, s = n * t;
    const double flat = 0.74, major = half / sqrt(c * c + flat * flat * s * s);
    const double x = u - 0.16 * width, y = v - p->heart_v;
    const double left = ellipse(c * x + s * y, c * y - s * x, major, flat * major);
    const double atrium =
        ellipse(u + 0.5 * half - 0.16 * width, y + 0.02, 0.5 * half, 0.75 * half);
    return left > atrium ? left : atrium;
}

static double great_vessels(const Patient *p, double u, double v)
{
    const double knob = edge(ellipse(u - 0.07, v + 0.30, p->aorta, p->aorta * 1.1), 0.02);
    const double trunk = edge(ellipse(u - 0.09, v + 0.12, 0.11, 0.13), 0.04);
    const double cava = edge(ellipse(u + 0.075, v + 0.22, 0.065, 0.30), 0.03);
    const double both = knob > trunk ? knob : trunk;
    return both > cava ? both : cava;
}

/* Windpipe and the two main bronchi, which part at the carina. */
static double airway(double u, double v)
{
    const double trachea = edge(0.036 - fabs(u), 0.018) * edge(-0.23 - v, 0.03);
    const double fork = v + 0.25, a = fabs(u);
    const double bronchus = edge(fork, 0.02) * edge(0.14 - fork, 0.06) *
                            edge(0.024 - fabs(a - 0.018 - 0.75 * fork), 0.016);
    return trachea > bronchus ? trachea : bronchus;
}

/* --- the patient -------------------------------------------------------------------------- */

static void roll_vessel(Vessel *ve, Dice *d, int side, double cage)
{
    const double sign = side ? 1 : -1, big = between(d, 0, 1);
    ve->u0 = sign * between(d, 0.12, 0.19);
    ve->v0 = between(d, -0.10, 0.10);
    ve->u2 = sign * between(d, 0.26, cage * 0.92);
    ve->v2 = between(d, -0.62, 0.55);
    ve->u1 = (ve->u0 + ve->u2) * 0.5 - sign * between(d, 0, 0.08);
    ve->v1 = ve->v0 + (ve->v2 - ve->v0) * between(d, 0.35, 0.75);
    ve->width = 0.010 + 0.014 * big;
    ve->strength = 0.045 + 0.07 * big;
}

static void roll_film(Patient *p, Dice *d)
{
    for (int i = 0; i < GRID; i++)
        for (int j = 0; j < GRID; j++)
            p->cloud[i][j] = around(d, 0, 0.055);
    p->gain = around(d, 0.98, 0.20);
    p->lift = around(d, 0.0, 0.08);
    p->curve = around(d, 0.15, 0.35);
    p->noise = between(d, 0.012, 0.035);
}

static void roll_patient(Patient *p, Dice *d)
{
    const double t = around(d, 0, 0.10);
    p->c = 1 / sqrt(1 + t * t);
    p->s = p->c * t;
    p->size = around(d, 0.97, 0.10);
    p->du = around(d, 0, 0.09);
    p->dv = around(d, 0.02, 0.08);
    p->cage = around(d, 0.735, 0.07);
    p->apex = around(d, -0.86, 0.06);
    p->wall = between(d, 0.06, 0.20);
    p->torso = around(d, 0.56, 0.06) + 0.25 * (p->wall - 0.13);
    p->dome[0] = around(d, 0.44, 0.16);
    p->dome[1] = p->dome[0] + around(d, 0.05, 0.06);
    p->turn = around(d, 0, 0.05);
    p->shoulder = around(d, -0.98, 0.08);
    p->heart_v = p->dome[1] - around(d, 0.17, 0.05);
    p->heart_tilt = around(d, 0.65, 0.25);
    p->aorta = between(d, 0.075, 0.12);
    p->breast = between(d, 0, 1) < 0.45 ? between(d, 0.02, 0.09) : 0 * between(d, 0, 1);
    p->rib_v = around(d, -0.80, 0.05);
    p->rib_step = around(d, 0.158, 0.015);
    p->rib_width = between(d, 0.024, 0.034);
    p->rib_bone = between(d, 0.05, 0.095);
    p->front_bone = between(d, 0.025, 0.06);
    p->clavicle_v = around(d, -0.60, 0.06);
    p->clavicle_slope = around(d, 0.13, 0.08);
    p->bubble = between(d, 0, 1) < 0.6 ? between(d, 0.06, 0.13) : 0 * between(d, 0, 1);
    p->ctr = around(d, 0.445, 0.085);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < VESSELS; i++)
            roll_vessel(&p->vessels[side][i], d, side, p->cage);
    roll_film(p, d);
}

/* --- the findings ------------------------------------------------------------------------- */

static void roll_nodule(Findings *f, const Patient *p, Dice *d)
{
    f->nodule_r = between(d, 0.034, 0.080);
    f->nodule_mu = between(d, 0.12, 0.22);
    f->nodule_v = between(d, -0.55, p->dome[f->nodule == 1] - 0.08);
    const int under = f->pneumothorax >= 0 && f->pneumothorax == f->nodule;
    const double out = (under ? pleura_at(p, f, f->nodule_v) : cage_at(p, f->nodule_v)) -
                       f->nodule_r - 0.02;
    const double in = middle_at(f->nodule_v) + 0.07;
    const double at = between(d, 0, 1);
    f->nodule_u = (f->nodule == 1 ? 1 : -1) * (in + (out > in ? out - in : 0) * at);
}

static void roll_consolidation(Findings *f, const Patient *p, Dice *d)
{
    const double sign = f->consolidation == 1 ? 1 : -1;
    const double v = between(d, -0.45, 0.35), w = cage_at(p, v);
    const double u = sign * between(d, 0.24, w > 0.36 ? w - 0.12 : 0.24);
    const double spread = between(d, 0.07, 0.17);
    f->n_blobs = 4 + (int)between(d, 0, BLOBS - 4 + 0.999);
    f->blob_mu = between(d, 0.10, 0.26);
    for (int i = 0; i < BLOBS; i++) {
        f->blob_u[i] = u + around(d, 0, 1.7 * spread);
        f->blob_v[i] = v + around(d, 0, 1.7 * spread);
        f->blob_r[i] = spread * between(d, 0.35, 0.8);
    }
}

static int roll_side(Dice *d, int present)
{
    const int side = between(d, 0, 1) < 0.5;
    return present ? side : -1;
}

static void roll_findings(Findings *f, Patient *p, Dice *d, unsigned set)
{
    f->effusion = roll_side(d, (set & PHANTOM_EFFUSION) != 0);
    f->nodule = roll_side(d, (set & PHANTOM_NODULE) != 0);
    f->pneumothorax = roll_side(d, (set & PHANTOM_PNEUMOTHORAX) != 0);
    f->consolidation = roll_side(d, (set & PHANTOM_CONSOLIDATION) != 0);
    const double height = between(d, 0, 1), large = between(d, 0.495, 0.64);
    f->level = 0.035 + 0.5 * height * height;
    f->fluid = between(d, 0.7, 1.0);
    f->gap = between(d, 0.015, 0.19);
    f->gap_low = between(d, 0.05, 0.7);
    roll_nodule(f, p, d);
    roll_consolidation(f, p, d);
    if (set & PHANTOM_CARDIOMEGALY)
        p->ctr = large;
}

/* --- drawing ------------------------------------------------------------------------------ */

/* Adds a soft disc at patient (u, v) with radius r to a map; the larger value wins. */
static void stamp(float map[SIDE][SIDE], const Patient *p, double u, double v, double r,
                  double height)
{
    const double x = (p->c * u - p->s * v) * p->size + p->du;
    const double y = (p->s * u + p->c * v) * p->size + p->dv;
    const double half = SIDE / 2.0, cx = (x + 1) * half - 0.5, cy = (y + 1) * half - 0.5;
    const double reach = 3 * r * half + 1;
    const int x0 = (int)clamp(cx - reach, 0, SIDE),
              x1 = (int)clamp(cx + reach + 1, 0, SIDE);
    const int y0 = (int)clamp(cy - reach, 0, SIDE),
              y1 = (int)clamp(cy + reach + 1, 0, SIDE);
    for (int i = y0; i < y1; i++)
        for (int j = x0; j < x1; j++) {
            const double dx = j - cx, dy = i - cy;
            const float h = (float)(height * bump(sqrt(dx * dx + dy * dy), r * half));
            if (h > map[i][j])
                map[i][j] = h;
        }
}

static void draw_vessels(Maps *m, const Patient *p)
{
    enum { STEPS = 40 };
    for (int k = 0; k < 2 * VESSELS; k++) {
        const Vessel *ve = &p->vessels[k / VESSELS][k % VESSELS];
        for (int i = 0; i <= STEPS; i++) {
            const double t = (double)i / STEPS, a = (1 - t) * (1 - t),
                         b = 2 * t * (1 - t);
            const double u = a * ve->u0 + b * ve->u1 + t * t * ve->u2;
            const double v = a * ve->v0 + b * ve->v1 + t * t * ve->v2;
            stamp(m->vessels, p, u, v, ve->width * (1 - 0.75 * t),
                  ve->strength * (1 - 0.8 * t));
        }
    }
    for (int side = 0; side < 2; side++)
        stamp(m->vessels, p, side ? 0.17 : -0.17, side ? -0.04 : 0.0, 0.055, 0.07);
}

static void draw_noise(Maps *m, const Patient *p, Dice *d)
{
    float white[SIDE + 2][SIDE + 2];
    for (int i = 0; i < SIDE + 2; i++)
        for (int j = 0; j < SIDE + 2; j++)
            white[i][j] = (float)around(d, 0, 1.732 * p->noise);
    for (int i = 0; i < SIDE; i++) /* a detector's blur correlates neighbours */
        for (int j = 0; j < SIDE; j++)
            m->noise[i][j] = 0.7F * white[i + 1][j + 1] +
                             0.15F * (white[i][j + 1] + white[i + 2][j + 1] +
                                      white[i + 1][j] + white[i + 1][j + 2]);
}

static double cloud_at(const Patient *p, int i, int j)
{
    const int step = SIDE / (GRID - 1), a = i / step, b = j / step;
    const double y = edge((double)(i % step) / step - 0.5, 0.5);
    const double x = edge((double)(j % step) / step - 0.5, 0.5);
    const double top = p->cloud[a][b] * (1 - x) + p->cloud[a][b + 1] * x;
    const double low = p->cloud[a + 1][b] * (1 - x) + p->cloud[a + 1][b + 1] * x;
    return top * (1 - y) + low * y;
}

/* How much of the lung's place is lung that holds air: 0..1, before heart and findings. */
static double lung_at(const Patient *p, int side, double a, double v, double w)
{
    return edge(w - a, 0.022) * edge(a - middle_at(v), 0.025) *
           edge(dome_at(p, side, a) - v, 0.014);
}

/* The change by fluid, which fills the lung's place from below and climbs the wall. */
static double fluid_at(const Patient *p, const Findings *f, double a, double v, double w)
{
    const double s = clamp((a - 0.22) / (w - 0.22 + 1e-3), 0, 1);
    const double angle = dome_at(p, f->effusion, p->cage - 0.03);
    const double top = angle - f->level + 0.24 * (1 - s * s * s);
    return f->fluid * edge(v - top, 0.035);
}

/* Attenuation of one point of the patient. vessels, opacity: the maps' values there. */
static double attenuation(const Patient *p, const Findings *f, double u, double v,
                          double vessels, double opacity)
{
    const double a = fabs(u), w = cage_at(p, v), body = body_at(p, v), m = u - p->turn;
    const int side = u > 0;
    const double flesh =
        edge(body - a, 0.03) * (0.72 + 0.28 * edge(body - a - 0.06, 0.14));
    const double lung = lung_at(p, side, a, v, w);
    const double below = edge(v - dome_at(p, side, a), 0.014) * edge(w - a + 0.04, 0.08);
    const double hearts = edge(heart(p, m, v), 0.022);
    const double great = great_vessels(p, m, v);
    double air = lung * (0.80 + 0.20 * edge(w - a - 0.1, 0.12));
    double mu = p->torso * flesh + 0.17 * below + 0.11 * hearts;

    if (f->pneumothorax == side) {
        const double pleura = pleura_at(p, f, v), out = edge(a - pleura, 0.012);
        air += lung * (0.20 * out - 0.05 * (1 - out) - 0.14 * bump(a - pleura, 0.010));
        vessels *= 1 - out;
        opacity *= 1 - out;
    }
    if (f->effusion == side) {
        const double fluid = fluid_at(p, f, a, v, w);
        mu += 0.10 * fluid * lung;
        air *= 1 - fluid;
        vessels *= 1 - fluid;
    }
    if (f->nodule == side) {
        const double du = u - f->nodule_u, dv = v - f->nodule_v;
        const double deep = f->nodule_r - sqrt(du * du + dv * dv);
        mu += f->nodule_mu * edge(deep, 0.022) * (1 - 0.5 * hearts);
    }
    air *= (1 - 0.78 * hearts) * (1 - 0.6 * great);
    mu += lung * (vessels * (1 - 0.7 * hearts) + opacity * (1 - 0.6 * hearts));
    mu -= 0.36 * air;
    mu += 0.07 * great + 0.05 * edge(middle_at(v) - fabs(m), 0.03) + spine(m, v) -
          0.10 * airway(m + 0.3 * p->turn, v);
    mu += ribs(p, a, v, w) + 0.11 * clavicle(p, a, v) + scapula(a, v, w);
    mu += p->breast * edge(ellipse(a - 0.42, v - 0.28, 0.33, 0.34), 0.06);
    if (p->bubble > 0) {
        const double top = dome_at(p, 1, 0.36) + p->bubble + 0.02;
        mu -= 0.24 * edge(ellipse(u - 0.36, v - top, p->bubble * 1.5, p->bubble), 0.02);
    }
    return mu;
}

/* The film's side marker: an L in the upper corner at the patient's left. */
static int marker(int i, int j)
{
    const int y = i - 8, x = j - 114;
    return x >= 0 && y >= 0 && y < 9 && (x < 2 || (y >= 7 && x < 6));
}

static uint8_t film(const Patient *p, double mu, double noise)
{
    const double x = clamp((mu + p->lift) * p->gain * 1.12, 0, 1.3);
    const double bent = x * (1 - p->curve) + p->curve * x * x;
    return (uint8_t)(clamp((bent + noise) * 255, 0, 255) + 0.5);
}

void phantom_draw(uint8_t *pixels, uint64_t seed, unsigned findings)
{
    Dice body = {seed}, illness = {seed ^ 0x111E55u}, grain = {seed ^ 0x6A41Fu};
    Patient p;
    Findings f;
    Maps m;

    roll_patient(&p, &body);
    roll_findings(&f, &p, &illness, findings);
    memset(&m, 0, sizeof m);
    draw_vessels(&m, &p);
    draw_noise(&m, &p, &grain);
    for (int k = 0; f.consolidation >= 0 && k < f.n_blobs; k++)
        stamp(m.opacity, &p, f.blob_u[k], f.blob_v[k], f.blob_r[k], f.blob_mu);

    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            const double x = ((j + 0.5) / (SIDE / 2.0) - 1 - p.du) / p.size;
            const double y = ((i + 0.5) / (SIDE / 2.0) - 1 - p.dv) / p.size;
            const double u = p.c * x + p.s * y, v = p.c * y - p.s * x;
            const double soft = cloud_at(&p, i, j);
            double mu = attenuation(&p, &f, u, v, m.vessels[i][j],
                                    m.opacity[i][j] * (1 + 6 * soft));
            mu += soft * edge(body_at(&p, v) - fabs(u), 0.05);
            if (marker(i, j))
                mu = 0.9;
            pixels[i * SIDE + j] = film(&p, mu, m.noise[i][j]);
        }
}
