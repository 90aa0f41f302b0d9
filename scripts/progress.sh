# Progress with time left, for the other scripts. Source it.

# draw_progress STAGE DONE TOTAL START_SECONDS: one line, rewritten on a
# terminal; elsewhere a line each tenth of the way.
progress_tenth=-1
draw_progress() {
  local stage=$1 done=$2 total=$3 start=$4
  ((total > 0 && done > 0)) || return 0
  local elapsed=$((SECONDS - start))
  local left=$((elapsed * (total - done) / done))
  local line
  printf -v line '%-12s %3d %%  %d:%02d left' "$stage" \
    $((100 * done / total)) $((left / 60)) $((left % 60))
  if [ -t 2 ]; then
    printf '\r\033[K%s' "$line" >&2
  elif ((10 * done / total != progress_tenth)); then
    progress_tenth=$((10 * done / total))
    printf '%s\n' "$line" >&2
  fi
}

# end_progress STAGE START_SECONDS
end_progress() {
  local elapsed=$((SECONDS - $2))
  [ -t 2 ] && printf '\r\033[K' >&2
  printf '%-12s done in %d:%02d\n' "$1" $((elapsed / 60)) $((elapsed % 60)) >&2
  progress_tenth=-1
}

# fail_with_log STAGE LOG
fail_with_log() {
  [ -t 2 ] && printf '\n' >&2
  tail -n 60 "$2" >&2
  printf '%s failed; the whole output is in %s\n' "$1" "$2" >&2
  return 1
}

# run_ninja STAGE LOG ARGUMENTS...: progress from the "[12/340]" of its lines.
run_ninja() {
  local stage=$1 log=$2 start=$SECONDS line counter
  shift 2
  : >"$log"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    if [[ $line == '['*/*']'* ]]; then
      counter=${line#[}
      counter=${counter%%]*}
      draw_progress "$stage" "${counter%/*}" "${counter#*/}" "$start"
    fi
  done < <(ninja "$@" 2>&1; printf 'exit status %d\n' $?)
  [ "$(tail -n 1 "$log")" = 'exit status 0' ] || fail_with_log "$stage" "$log"
  end_progress "$stage" "$start"
}

# run_apt STAGE LOG ARGUMENTS...: apt-get through $as_root, progress from its
# status lines ("pmstatus:package:42.0:..."). They come on a descriptor of their
# own: apt makes it non-blocking, which scripts of packages must not inherit as
# their output.
run_apt() {
  local stage=$1 log=$2 start=$SECONDS fifo=build/apt-status kind percent apt
  shift 2
  rm -f "$fifo"
  mkfifo "$fifo"
  "${as_root[@]}" sh -c \
    'fifo=$1; shift; DEBIAN_FRONTEND=noninteractive exec apt-get "$@" 3>"$fifo"' \
    sh "$PWD/$fifo" -q -o APT::Status-Fd=3 -o DPkg::Lock::Timeout=300 "$@" \
    >"$log" 2>&1 </dev/null &
  apt=$!
  while IFS=: read -r kind _ percent _; do
    case $kind in
      # Download is the first half of the work, unpacking the second.
      dlstatus) draw_progress "$stage" "${percent%%.*}" 200 "$start" ;;
      pmstatus) draw_progress "$stage" $((100 + ${percent%%.*})) 200 "$start" ;;
    esac
  done <"$fifo"
  rm -f "$fifo"
  wait "$apt" || fail_with_log "$stage" "$log"
  end_progress "$stage" "$start"
}
