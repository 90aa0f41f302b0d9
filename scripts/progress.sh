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

# run_with_counter STAGE LOG COMMAND...: runs COMMAND, whose lines look like
# "[12/340] ..." (ninja) or "pmstatus:package:42.0:..." (apt's status), keeps
# them in LOG, shows progress; on failure shows the end of LOG.
run_with_counter() {
  local stage=$1 log=$2 start=$SECONDS line percent status
  shift 2
  : >"$log"
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case $line in
      '['*/*']'*)
        line=${line#[}
        draw_progress "$stage" "${line%%/*}" \
          "$(tmp=${line#*/}; printf '%s' "${tmp%%]*}")" "$start" ;;
      dlstatus:* | pmstatus:*)
        percent=$(cut -d: -f3 <<<"$line")
        percent=${percent%%.*}
        # Download is the first half of the work, unpacking the second.
        [ "${line%%:*}" = pmstatus ] && percent=$((percent + 100))
        draw_progress "$stage" "$percent" 200 "$start" ;;
    esac
  done < <("$@" 2>&1; printf 'exit status %d\n' $?)
  status=$(tail -n 1 "$log")
  if [ "$status" != 'exit status 0' ]; then
    [ -t 2 ] && printf '\n' >&2
    tail -n 60 "$log" >&2
    printf '%s failed; the whole output is in %s\n' "$stage" "$log" >&2
    return 1
  fi
  end_progress "$stage" "$start"
}
