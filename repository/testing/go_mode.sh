# Set the mode in which Go looks for the modules of the current folder.
if ! go list -m > /dev/null 2>&1; then
  export GOWORK=off # a go.work above does not list this module
fi
case $(go env GOWORK) in
'' | off)
  export GOFLAGS=-mod=mod # complete go.sum
  if [ -f vendor/modules.txt ]; then
    export GOFLAGS=-mod=vendor
    if go list ./... 2>&1 | grep -q 'inconsistent vendoring'; then
      echo 'vendor/modules.txt is out of step with go.mod, and not used'
      export GOFLAGS=-mod=mod
    fi
  fi
  ;;
esac
