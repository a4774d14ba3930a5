/* tell: a province that has no interface but a folder: drops records of the portal's other services
 * into a spool and notes what it told; `dvcsync-sandbox tell`. */
#ifndef TELL_H
#define TELL_H

/* argv[0] is "tell". Writes one file into DIR/in, by renaming, and appends a line a record to the
 * truth: {"kind":...,"code":...,"record":{...}} with the code under which the portal files it and
 * the record as the portal must hold it. The process's exit status: 0, 1, 2 for a bad command line.
 */
int tell_main(int argc, char **argv);

#endif
