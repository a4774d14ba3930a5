# Instructions in functions of our own files (lib/, daemon/), from callgrind's output: its format is a list of costs, each
# under the file that the last fl=, fi= or fe= line named. With -v files=1 those of each file, else the sum.
function file_of(text,    id, at) { # "(12) name" names 12, "(12)" repeats it
    at = index(text, ")")
    id = substr(text, 1, at)
    if (length(text) > at) {
        name[id] = substr(text, at + 2)
    }
    return name[id]
}
function own(path) {
    if (match(path, /(^|\/)(lib\/(base|domain|config|codec|http|journal|adapter|sync)|daemon)\/[^\/]*\.[ch]$/)) {
        return substr(path, path ~ /^(lib|daemon)\// ? RSTART : RSTART + 1)
    }
    return ""
}
/^(fl|fi|fe)=/ { file = own(file_of(substr($0, 4))) }
/^c(fi|fl)=/ { file_of(substr($0, 5)) } # the file of what is called: only its name counts
/^calls=/ { called = 1; next }
/^[0-9+*-]/ {
    if (!called && file != "") { # after calls= stands what the called function cost, which is counted where it stands
        n[file] += $2
        sum += $2
    }
    called = 0
}
END {
    if (!files) {
        printf "%.0f\n", sum
    }
    for (f in n) {
        if (files) {
            printf "%12.0f %s\n", n[f], f
        }
    }
}
