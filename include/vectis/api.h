/* api.h - what makes a declaration public, and the attributes the headers use. */
#ifndef VECTIS_API_H
#define VECTIS_API_H

#define VX_VERSION "0.1.0"

#if defined(__GNUC__)
#define VX_API __attribute__((visibility("default")))
#define VX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define VX_API
#define VX_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
#define VX_BEGIN_DECLS extern "C" {
#define VX_END_DECLS }
#else
#define VX_BEGIN_DECLS
#define VX_END_DECLS
#endif

#endif
