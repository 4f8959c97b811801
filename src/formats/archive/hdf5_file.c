/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HDF5 through libhdf5, with everything switched off that would leave the file.
 */
#include "formats/archive/hdf5_file.h"

#include "graph/shape.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* deflate cannot shrink more than 1032 times; a dataset that claims more was made to hurt. */
static const uint64_t most_shrunk = 1040;
enum { MAX_LINKS = 1 << 16, COMPONENT = 1024 };

/* libhdf5 keeps its tables in globals and is seldom built for threads. */
static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;

struct CaHdf5 {
    const char *path;
    CaBuffer *image;
    hid_t file;
    H5E_auto2_t print; /* the host's, put back at the end */
    void *print_arg;
    unsigned plugins;
};

/* --- The file in memory, used where it lies: libhdf5's own copy of it never happens. */

static void *image_alloc(size_t size, H5FD_file_image_op_t op, void *file)
{
    (void)op;
    return size <= ((CaHdf5 *)file)->image->size ? ((CaHdf5 *)file)->image->data : NULL;
}
static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t op,
                        void *file)
{
    (void)from;
    (void)size;
    (void)op;
    (void)file;
    return to; /* the same bytes */
}
static void *image_realloc(void *p, size_t size, H5FD_file_image_op_t op, void *file)
{
    (void)p;
    (void)size;
    (void)op;
    (void)file;
    return NULL; /* only writing would need it */
}
static herr_t image_free(void *p, H5FD_file_image_op_t op, void *file)
{
    (void)p;
    (void)op;
    (void)file;
    return 0;
}
static void *same_file(void *file) { return file; }
static herr_t keep_file(void *file)
{
    (void)file;
    return 0;
}

static CarinaStatus damaged(const CaHdf5 *f, const char *where, CarinaError *err)
{
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: %s: cannot be read; the file is damaged or was cut", f->path,
                  where);
}

static hid_t open_image(CaHdf5 *f)
{
    /* The driver wants a name that is no file. */
    static const char nowhere[] = "/dev/null/image";
    H5FD_file_image_callbacks_t calls = {
        image_alloc, image_copy, image_realloc, image_free, same_file, keep_file, f};
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file = -1;
    if (access >= 0 && H5Pset_fapl_core(access, (size_t)1 << 20, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &calls) >= 0 &&
        H5Pset_file_image(access, f->image->data, f->image->size) >= 0)
        file = H5Fopen(nowhere, H5F_ACC_RDONLY, access);
    if (access >= 0)
        H5Pclose(access);
    return file;
}

CarinaStatus ca_hdf5_open(CaHdf5 **out, const char *path, CaBuffer *image,
                          CarinaError *err)
{
    CaHdf5 *f = ca_alloc(sizeof *f);
    *out = NULL;
    if (!f)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    f->path = path;
    f->image = image;
    pthread_mutex_lock(&library);
    H5open();
    H5Eget_auto2(H5E_DEFAULT, &f->print, &f->print_arg);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (H5PLget_loading_state(&f->plugins) < 0)
        f->plugins = 0;
    H5PLset_loading_state(0);
    f->file = image->size ? open_image(f) : -1;
    *out = f;
    if (f->file < 0) {
        ca_hdf5_close(out);
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: the tables of the HDF5 file cannot be read (%zu bytes); the "
                      "file is damaged or was cut",
                      path, image->size);
    }
    return CARINA_OK;
}

void ca_hdf5_close(CaHdf5 **f)
{
    if (!f || !*f)
        return;
    if ((*f)->file >= 0)
        H5Fclose((*f)->file);
    H5PLset_loading_state((*f)->plugins);
    H5Eset_auto2(H5E_DEFAULT, (*f)->print, (*f)->print_arg);
    pthread_mutex_unlock(&library);
    ca_free(*f);
    *f = NULL;
}

/* --- Walking: one component after the other, by hard links only. */

static CarinaStatus refuse_link(const CaHdf5 *f, const char *path, H5L_type_t type,
                                CarinaError *err)
{
    return ca_err(
        err, CARINA_ERR_UNSUPPORTED,
        "%s: '%s' is %s link, which is never followed; save the model again in one file",
        f->path, path,
        type == H5L_TYPE_SOFT       ? "a soft"
        : type == H5L_TYPE_EXTERNAL ? "an external"
                                    : "a user-defined");
}

/* *out -1 where there is nothing. */
static CarinaStatus step(hid_t *out, CaHdf5 *f, hid_t at, const char *name,
                         const char *path, CarinaError *err)
{
    H5L_info_t info;
    *out = -1;
    if (H5Iget_type(at) != H5I_GROUP || H5Lexists(at, name, H5P_DEFAULT) <= 0)
        return CARINA_OK;
    if (H5Lget_info(at, name, &info, H5P_DEFAULT) < 0)
        return damaged(f, path, err);
    if (info.type != H5L_TYPE_HARD)
        return refuse_link(f, path, info.type, err);
    *out = H5Oopen(at, name, H5P_DEFAULT);
    return *out < 0 ? damaged(f, path, err) : CARINA_OK;
}

static CarinaStatus walk(hid_t *out, CaHdf5 *f, const char *path, CarinaError *err)
{
    hid_t at = H5Oopen(f->file, "/", H5P_DEFAULT);
    *out = -1;
    if (at < 0)
        return damaged(f, "/", err);
    for (const char *p = path; *p;) {
        char name[COMPONENT];
        const size_t n = strcspn(p, "/");
        hid_t next = -1;
        if (n > 0 && n < sizeof name) {
            memcpy(name, p, n);
            name[n] = 0;
            const CarinaStatus status = step(&next, f, at, name, path, err);
            H5Oclose(at);
            if (status != CARINA_OK || next < 0)
                return status;
            at = next;
        } else if (n > 0) {
            H5Oclose(at);
            return CARINA_OK;
        }
        p += n + (p[n] == '/');
    }
    *out = at;
    return CARINA_OK;
}

CarinaStatus ca_hdf5_find(CaHdf5Kind *out, CaHdf5 *f, const char *path, CarinaError *err)
{
    hid_t at;
    *out = CA_HDF5_NOTHING;
    CA_TRY(walk(&at, f, path, err));
    if (at < 0)
        return CARINA_OK;
    const H5I_type_t type = H5Iget_type(at);
    if (type == H5I_GROUP || type == H5I_DATASET)
        *out = type == H5I_GROUP ? CA_HDF5_GROUP : CA_HDF5_DATASET;
    H5Oclose(at);
    return CARINA_OK;
}

/* --- Attributes. */

static CarinaStatus too_much(const CaHdf5 *f, const char *where, CarinaError *err)
{
    return ca_err(
        err, CARINA_ERR_LIMIT,
        "%s: '%s' claims more than the file holds (%zu bytes); the file is damaged",
        f->path, where, f->image->size);
}

/* n strings of an attribute into out[from...]; a list of numbers (what an empty list is saved as) has none. */
static CarinaStatus read_strings(char **out, int n, const CaHdf5 *f, CaArena *arena,
                                 hid_t attribute, hid_t type, const char *where,
                                 CarinaError *err)
{
    const bool is_long = H5Tis_variable_str(type) > 0;
    const size_t each = is_long ? sizeof(char *) : H5Tget_size(type);
    size_t bytes;
    if (!ca_mul_size(&bytes, each, (size_t)n) || (!is_long && bytes > f->image->size))
        return too_much(f, where, err);
    char *raw = ca_alloc(bytes + 1);
    const hid_t memory = H5Tcopy(type);
    CarinaStatus status = CARINA_OK;
    if (!raw)
        status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    else if (memory < 0 || H5Aread(attribute, memory, raw) < 0)
        status = damaged(f, where, err);
    for (int i = 0; status == CARINA_OK && i < n; i++) {
        const char *text = raw + (size_t)i * each;
        size_t length = each;
        if (is_long) {
            memcpy(&text, raw + (size_t)i * each, sizeof text);
            length = text ? strlen(text) : 0;
        }
        out[i] = ca_arena_copy_n(arena, text ? text : "",
                                 is_long ? length : strnlen(text, length));
        if (!out[i])
            status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    }
    if (is_long && status == CARINA_OK) {
        const hid_t space = H5Aget_space(attribute);
        if (space >= 0) {
            H5Dvlen_reclaim(memory, space, H5P_DEFAULT, raw);
            H5Sclose(space);
        }
    }
    if (memory >= 0)
        H5Tclose(memory);
    ca_free(raw);
    return status;
}

/* How many strings: 1 for a scalar, 0 for an attribute that is not text, -1 where it cannot be read. */
static int64_t count_strings(hid_t attribute, hid_t type)
{
    const hid_t space = H5Aget_space(attribute);
    const hssize_t n = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    return H5Tget_class(type) == H5T_STRING ? (int64_t)n : n < 0 ? -1 : 0;
}

static CarinaStatus read_attribute(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                                   hid_t at, const char *name, CarinaError *err)
{
    *n = -1;
    if (H5Aexists(at, name) <= 0)
        return CARINA_OK;
    const hid_t attribute = H5Aopen(at, name, H5P_DEFAULT);
    const hid_t type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    const int64_t count = type >= 0 ? count_strings(attribute, type) : -1;
    CarinaStatus status = CARINA_OK;
    if (count < 0)
        status = damaged(f, name, err);
    else if (count > MAX_LINKS || (uint64_t)count > f->image->size)
        status = too_much(f, name, err);
    if (status == CARINA_OK) {
        *n = (int)count;
        *out = ca_arena_array(arena, (size_t)count + 1, sizeof **out);
        status = *out ? read_strings(*out, *n, f, arena, attribute, type, name, err)
                      : ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    }
    if (type >= 0)
        H5Tclose(type);
    if (attribute >= 0)
        H5Aclose(attribute);
    return status;
}

CarinaStatus ca_hdf5_text(char **out, CaHdf5 *f, CaArena *arena, const char *group,
                          const char *attribute, CarinaError *err)
{
    hid_t at;
    char **list = NULL;
    int n = -1;
    *out = NULL;
    CA_TRY(walk(&at, f, group, err));
    if (at < 0)
        return CARINA_OK;
    const CarinaStatus status = read_attribute(&list, &n, f, arena, at, attribute, err);
    H5Oclose(at);
    if (status == CARINA_OK && n > 0)
        *out = list[0];
    return status;
}

/* Lists above 64 KiB are cut into NAME0, NAME1 ... */
static CarinaStatus read_parts(char ***out, int *n, CaHdf5 *f, CaArena *arena, hid_t at,
                               const char *attribute, CarinaError *err)
{
    *n = -1;
    for (int part = 0; part < MAX_LINKS; part++) {
        char name[64], **list = NULL;
        int more;
        (void)snprintf(name, sizeof name, "%s%d", attribute, part);
        CA_TRY(read_attribute(&list, &more, f, arena, at, name, err));
        if (more < 0)
            break;
        const int had = *n < 0 ? 0 : *n;
        if (had + more > MAX_LINKS)
            return too_much(f, name, err);
        char **all = ca_arena_array(arena, (size_t)(had + more) + 1, sizeof *all);
        if (!all)
            return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
        for (int i = 0; i < had + more; i++)
            all[i] = i < had ? (*out)[i] : list[i - had];
        *out = all;
        *n = had + more;
    }
    return CARINA_OK;
}

CarinaStatus ca_hdf5_texts(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, const char *attribute, CarinaError *err)
{
    hid_t at;
    *n = -1;
    *out = NULL;
    CA_TRY(walk(&at, f, group, err));
    if (at < 0)
        return CARINA_OK;
    CarinaStatus status = read_attribute(out, n, f, arena, at, attribute, err);
    if (status == CARINA_OK && *n < 0)
        status = read_parts(out, n, f, arena, at, attribute, err);
    H5Oclose(at);
    return status;
}

CarinaStatus ca_hdf5_links(char ***out, int *n, CaHdf5 *f, CaArena *arena,
                           const char *group, CarinaError *err)
{
    hid_t at;
    H5G_info_t info;
    CarinaStatus status = CARINA_OK;
    *n = 0;
    *out = NULL;
    CA_TRY(walk(&at, f, group, err));
    if (at < 0)
        return CARINA_OK;
    if (H5Iget_type(at) != H5I_GROUP || H5Gget_info(at, &info) < 0)
        status = damaged(f, group, err);
    else if (info.nlinks > MAX_LINKS)
        status = too_much(f, group, err);
    else if (!(*out = ca_arena_array(arena, info.nlinks + 1, sizeof **out)))
        status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    for (hsize_t i = 0; status == CARINA_OK && i < info.nlinks; i++) {
        char name[COMPONENT];
        if (H5Lget_name_by_idx(at, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                               H5P_DEFAULT) < 0)
            status = damaged(f, group, err);
        else if (!((*out)[(*n)++] = ca_arena_copy(arena, name)))
            status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    }
    H5Oclose(at);
    return status;
}

/* --- Datasets. */

static CarinaStatus open_dataset(hid_t *out, CaHdf5 *f, const char *path,
                                 CarinaError *err)
{
    CA_TRY(walk(out, f, path, err));
    if (*out >= 0 && H5Iget_type(*out) == H5I_DATASET)
        return CARINA_OK;
    if (*out >= 0)
        H5Oclose(*out);
    return ca_err(err, CARINA_ERR_FORMAT,
                  "%s: no weight '%s' inside; the file is damaged or was cut", f->path,
                  path);
}

static CarinaStatus read_shape(CarinaShape *out, const CaHdf5 *f, hid_t data,
                               const char *path, CarinaError *err)
{
    hsize_t dims[H5S_MAX_RANK];
    int64_t n;
    const hid_t space = H5Dget_space(data);
    const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, dims, NULL) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (rank < 0)
        return damaged(f, path, err);
    if (rank > CARINA_MAX_RANK)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%s: weight '%s' has %d dimensions, more than %d", f->path, path,
                      rank, CARINA_MAX_RANK);
    *out = ca_shape_of_rank(rank);
    for (int i = 0; i < rank; i++)
        out->dims[i] = dims[i] > INT64_MAX ? -1 : (int64_t)dims[i];
    return ca_shape_count(out, &n) ? CARINA_OK : too_much(f, path, err);
}

CarinaStatus ca_hdf5_shape(CarinaShape *out, CaHdf5 *f, const char *path,
                           CarinaError *err)
{
    hid_t data;
    CA_TRY(open_dataset(&data, f, path, err));
    const CarinaStatus status = read_shape(out, f, data, path, err);
    H5Oclose(data);
    return status;
}

/* Layout, external files and filters that are not to be touched. */
static CarinaStatus check_storage(const CaHdf5 *f, hid_t data, const char *path,
                                  CarinaError *err)
{
    const hid_t made = H5Dget_create_plist(data);
    const char *what = made < 0 ? "has no description" : NULL;
    if (made >= 0 && H5Pget_layout(made) == H5D_VIRTUAL)
        what = "lies in other files (a virtual dataset)";
    else if (made >= 0 && H5Pget_external_count(made) != 0)
        what = "lies in other files (external storage)";
    for (int i = 0, n = made >= 0 ? H5Pget_nfilters(made) : 0; !what && i < n; i++) {
        unsigned flags, settings;
        size_t n_values = 0;
        const H5Z_filter_t id = H5Pget_filter2(made, (unsigned)i, &flags, &n_values, NULL,
                                               0, NULL, &settings);
        if (id != H5Z_FILTER_DEFLATE && id != H5Z_FILTER_SHUFFLE &&
            id != H5Z_FILTER_FLETCHER32)
            what = "is compressed by a method other than gzip";
    }
    if (made >= 0)
        H5Pclose(made);
    return what ? ca_err(err, CARINA_ERR_UNSUPPORTED,
                         "%s: weight '%s' %s; save the model again in one plain file",
                         f->path, path, what)
                : CARINA_OK;
}

/* Where n little-endian f32 lie in the file as they are; false where they do not. */
static bool lies_plain(size_t *offset, const CaHdf5 *f, hid_t data, hid_t type, int64_t n)
{
    const haddr_t at = H5Dget_offset(data);
    size_t bytes, end;
    if (at == HADDR_UNDEF || H5Tequal(type, H5T_IEEE_F32LE) <= 0 ||
        !ca_type_size(CARINA_F32, n, &bytes) || H5Dget_storage_size(data) != bytes ||
        !ca_add_size(&end, (size_t)at, bytes) || end > f->image->size)
        return false;
    *offset = (size_t)at;
    /* Small ones are looked at element by element and must be aligned. */
    return ca_tensor_may_lie_anywhere(CARINA_F32, bytes) ||
           ((uintptr_t)f->image->data + *offset) % sizeof(float) == 0;
}

/* bfloat16 is stored as two opaque bytes. */
static bool is_bfloat16(hid_t type)
{
    return H5Tget_class(type) == H5T_OPAQUE && H5Tget_size(type) == 2;
}

static CarinaStatus read_numbers(CarinaTensor **out, const CaHdf5 *f, hid_t data,
                                 hid_t type, const CarinaShape *shape, const char *path,
                                 CarinaError *err)
{
    const H5T_class_t class = H5Tget_class(type);
    const bool is_half = is_bfloat16(type);
    if (class != H5T_FLOAT && class != H5T_INTEGER && class != H5T_ENUM && !is_half)
        return ca_err(
            err, CARINA_ERR_UNSUPPORTED,
            "%s: weight '%s' holds no numbers; save the model with float32 weights",
            f->path, path);
    const bool whole = class == H5T_INTEGER || class == H5T_ENUM;
    CA_TRY(carina_tensor_create(out, whole ? CARINA_I64 : CARINA_F32, shape, err));
    const int64_t n = ca_tensor_count(*out);
    unsigned char *halves = is_half ? ca_alloc((size_t)n * 2 + 1) : NULL;
    hid_t memory = whole ? H5T_NATIVE_INT64 : H5T_NATIVE_FLOAT;
    const hid_t space = H5Dget_space(data);
    if (class == H5T_ENUM) /* a boolean of h5py */
        memory = H5Tget_size(type) == 1 ? type : memory;
    const bool is_bool = memory == type && class == H5T_ENUM;
    if (is_bool)
        halves = ca_alloc((size_t)n + 1);
    void *into = is_half || is_bool ? (void *)halves : (*out)->data;
    const bool good =
        into && space >= 0 &&
        H5Dread(data, is_half ? type : memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, into) >= 0;
    for (int64_t i = 0; good && i < n && (is_half || is_bool); i++) {
        if (is_half)
            ca_put_real(CARINA_F32, (*out)->data, i, ca_get_real(CARINA_BF16, halves, i));
        else
            ca_put_int(CARINA_I64, (*out)->data, i, halves[i]);
    }
    if (space >= 0)
        H5Sclose(space);
    ca_free(halves);
    if (good)
        return CARINA_OK;
    carina_tensor_free(out);
    return damaged(f, path, err);
}

static CarinaStatus read_dataset(CarinaTensor **out, const CaHdf5 *f, hid_t data,
                                 hid_t type, const char *path, CarinaError *err)
{
    CarinaShape shape;
    int64_t n = 0;
    size_t bytes, offset;
    CA_TRY(read_shape(&shape, f, data, path, err));
    CA_TRY(check_storage(f, data, path, err));
    if (!ca_shape_count(&shape, &n) || !ca_type_size(CARINA_I64, n, &bytes) ||
        (uint64_t)n * H5Tget_size(type) / most_shrunk > H5Dget_storage_size(data))
        return too_much(f, path, err);
    if (n > 0 && lies_plain(&offset, f, data, type, n))
        return ca_tensor_of_buffer(out, CARINA_F32, &shape, f->image, offset, err);
    return read_numbers(out, f, data, type, &shape, path, err);
}

CarinaStatus ca_hdf5_tensor(CarinaTensor **out, CaHdf5 *f, const char *path,
                            CarinaError *err)
{
    hid_t data;
    *out = NULL;
    CA_TRY(open_dataset(&data, f, path, err));
    const hid_t type = H5Dget_type(data);
    const CarinaStatus status =
        type < 0 ? damaged(f, path, err) : read_dataset(out, f, data, type, path, err);
    if (type >= 0)
        H5Tclose(type);
    H5Oclose(data);
    return status;
}
