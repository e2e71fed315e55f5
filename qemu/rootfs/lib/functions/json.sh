# A double of jshn's writing half: what is added is kept as lines `path<TAB>value`, `firewall.0.type<TAB>rule`.

json_init() {
  _json=
  _json_path=
  _json_arrays=
}

json_key() {
  local last=${_json_path##*.} count
  case " $_json_arrays " in
    *" ${_json_path:-.} "*)
      eval "count=\${_json_n_$(printf '%s' "$_json_path" | tr -c 'A-Za-z0-9' _):-0}"
      eval "_json_n_$(printf '%s' "$_json_path" | tr -c 'A-Za-z0-9' _)=$((count + 1))"
      _json_at=$_json_path.$count
      ;;
    *) _json_at=${_json_path:+$_json_path.}$1 ;;
  esac
}

json_add_array() {
  json_key "$1"
  _json_path=$_json_at
  _json_arrays="$_json_arrays $_json_path"
  eval "_json_n_$(printf '%s' "$_json_path" | tr -c 'A-Za-z0-9' _)=0"
}

json_add_object() {
  json_key "$1"
  _json_path=$_json_at
}

json_close_array() { case $_json_path in *.*) _json_path=${_json_path%.*} ;; *) _json_path= ;; esac; }
json_close_object() { json_close_array; }

json_add_string() {
  json_key "$1"
  _json="$_json$_json_at	$2
"
}

json_add_int() { json_add_string "$@"; }
json_add_boolean() { json_add_string "$@"; }
json_lines() { printf '%s' "$_json"; }
