# Restores "tree" from "prepared", copying only what a run of tests has touched since the last time.
#
# After each restoration, "listing" gets type, inode, mode, size, time of the last change of status,
# and path of every file. Whatever differs from that was touched, and is removed and copied again:
# contents, modes and names can't change without a new change time or inode, and no program can set
# that time. If anything is unusual, all of it is copied. Tests can't write to "listing".
export LC_ALL=C

records_changes() {  # on others (tmpfs), a mapped file can be written without a new change time
  case $(stat -f -c %T tree) in
    ext2/ext3 | xfs | btrfs | overlayfs) return 0 ;;
    *) return 1 ;;
  esac
}
await_later_time() {  # the kernel's times advance in steps of several milliseconds
  touch listing/before
  until touch listing/after &&
    [ "$(stat -c %z listing/before)" != "$(stat -c %z listing/after)" ]; do :; done
}

list() {  # folder: one record for each of its files, sorted
  (cd "$1" && find . -mindepth 1 \( -type d -printf 'd/%i/%m///%P\0' \) \
    -o -printf '%y/%i/%m/%s/%C@/%P\0') | sort -z
}
paths() { cut -z -d / -f 6- | sort -z; }
with_times() { (cd "$1" && find . -mindepth 1 -type d -printf '%T@/%m/%P\0') | sort -z; }

restore_touched() {
  records_changes && [ -s listing/tree ] && [ -s listing/prepared ] || return 1
  list prepared > listing/now && cmp -s listing/prepared listing/now || return 1
  find tree -type d ! -perm -700 -exec chmod u+rwx {} \; || return 1
  list tree > listing/now || return 1
  comm -z -13 listing/tree listing/now | paths > listing/touched || return 1
  (cd tree && xargs -0 -r rm -rf -- < ../listing/touched) || return 1
  list tree | paths > listing/left || return 1
  paths < listing/prepared > listing/wanted || return 1
  comm -z -13 listing/left listing/wanted > listing/missing || return 1
  copy_missing && list tree | paths | cmp -s - listing/wanted
}

copy_missing() {
  (cd prepared && find . -mindepth 1 -type d -printf '%P\0' | sort -z) > listing/folders || return 1
  comm -z -12 listing/missing listing/folders > listing/new-folders || return 1
  comm -z -23 listing/missing listing/folders > listing/new-files || return 1
  (cd tree && xargs -0 -r mkdir -p -- < ../listing/new-folders) || return 1
  # Without -R, cp would read from named pipes, for ever.
  (cd prepared && xargs -0 -r cp -dR --preserve=mode,timestamps,links --parents -t ../tree -- \
    < ../listing/new-files) || return 1
  # Removing and copying changed the times of folders, by which builds decide what is new.
  with_times prepared > listing/wanted-times || return 1
  with_times tree > listing/times || return 1
  comm -z -23 listing/wanted-times listing/times > listing/changed-times || return 1
  cut -z -d / -f 3- < listing/changed-times > listing/changed-folders || return 1
  (cd prepared && xargs -0 -r sh -c 'for path; do
      chmod --reference="$path" -- "../tree/$path" && touch -r "$path" -- "../tree/$path" || exit 1
    done' sh < ../listing/changed-folders) || return 1
  chmod --reference=prepared tree && touch -r prepared tree
}

restore_all() {
  empty tree
  cp -dR --preserve=mode,timestamps,links prepared/. tree/
  list prepared > listing/prepared
}

restore_touched 2> /dev/null || restore_all
list tree > listing/tree
await_later_time
