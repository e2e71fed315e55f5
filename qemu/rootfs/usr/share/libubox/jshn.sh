. /lib/functions/json.sh
