#!/bin/sh
# A release into a running cluster: the new build gets no traffic, passes its gate, then gets a share after the other
# as long as its figures are good, and is sent back when they are not. Docs: k8s/README.md, "Release a build".
set -eu

usage() {
    cat <<'TEXT'
k8s/deploy.sh [options] BUILD

  --overlay NAME       a folder of k8s/overlays with product/, release/ and builds/; default minikube
  --shares "5 25 100"  what the build gets, one share after the other, in percent
  --department ID      whose requests; default all
  --patience SECONDS   how long to wait for each thing; default 900
  --from STEP          begin with this step: image replay tables workers gate ramp promote product
  --dry-run            say what would be done, and do nothing

The product is reached at VISTOBUENO_URL with VISTOBUENO_TOKEN. To promote, VISTOBUENO_PROMOTER_TOKEN has to be another
person's; without it the release ends before, and another person does it on the page Rollout.

Exit codes: 0 done, 1 the build was sent back or did not pass, 2 not enough is known: go on with --from, 64 wrong usage.
TEXT
}

wrong() {
    echo "deploy.sh: $1" >&2
    usage >&2
    exit 64
}

overlay=minikube shares='5 25 100' department=all patience=900 from=image dry='' build=''
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    --overlay | --shares | --department | --patience | --from)
        [ $# -gt 1 ] || wrong "$1 needs a value"
        case $1 in
        --overlay) overlay=$2 ;;
        --shares) shares=$2 ;;
        --department) department=$2 ;;
        --patience) patience=$2 ;;
        --from) from=$2 ;;
        esac
        shift
        ;;
    -*) wrong "there is no option $1" ;;
    *)
        [ -z "$build" ] || wrong "one build at a time, not $build and $1"
        build=$1
        ;;
    esac
    shift
done

# A name in Kubernetes, a label, an image's tag and a build at Temporal: what fits all of them.
printf '%s\n' "$build" | grep -Eqx '[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?' ||
    wrong "a build is called by 1 to 40 small letters, digits and hyphens, not '$build'"
steps="image replay tables workers gate ramp promote product"
case " $steps " in
*" $from "*) ;;
*) wrong "there is no step $from" ;;
esac
case $patience in '' | *[!0-9]*) wrong "--patience is a number of seconds, not '$patience'" ;; esac

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
base="$here/overlays/$overlay"
[ -f "$base/release/kustomization.yaml" ] || wrong "there is no overlay $overlay to release into"
image=$(sed -n 's/^ *newName: *//p' "$base/release/kustomization.yaml" | head -n 1)
scripts="$root/scripts"
python=python3
[ ! -x "$root/.venv/bin/python" ] || python="$root/.venv/bin/python"

say() { printf '\n== %s\n' "$1"; }

# Run a command, or only say it.
run() {
    printf '+ %s\n' "$*"
    [ -n "$dry" ] || "$@"
}

# Run a script of scripts/ whose exit code means something; it lands in $answer.
ask() {
    answer=0
    run "$@" || answer=$?
}

# Whether a step is due: all steps from --from on.
begun=''
due() {
    [ "$1" != "$from" ] || begun=yes
    [ -n "$begun" ]
}

send_back() {
    say "back: $build is not good"
    ask "$scripts/go-back" "$build" --why "$1" --wait "$patience"
    [ "$answer" -ne 3 ] || echo "It is on its way back already."
    echo "What $build has begun is healed by the product: see the page Rollout and docs/runbook.md, 'A release went wrong'."
    exit 1
}

write_build() {
    folder="$base/builds/$build"
    if [ -f "$folder/kustomization.yaml" ]; then
        echo "$folder is there"
        return
    fi
    least=$(sed -n 's/.*minReplicaCount, value: *\([0-9]*\).*/\1/p' "$base/builds/a/kustomization.yaml")
    echo "+ write $folder/kustomization.yaml (to be committed)"
    [ -z "$dry" ] || return 0
    mkdir -p "$folder"
    cat >"$folder/kustomization.yaml" <<TEXT
# Build $build beside all others. deploy.sh writes such a folder; delete it when the build has drained.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../../../base/build
nameSuffix: -$build
labels:
  - pairs:
      vistobueno.example/build: $build
    includeSelectors: true
    includeTemplates: true
images:
  - name: vistobueno
    newName: $image
    newTag: $build
patches:
  - target:
      kind: ScaledObject
    patch: |-
      - {op: replace, path: /spec/scaleTargetRef/name, value: approvals-$build}
      - {op: replace, path: /spec/triggers/0/metadata/workerDeploymentBuildId, value: $build}
      - {op: replace, path: /spec/minReplicaCount, value: ${least:-2}}
TEXT
}

if due image; then
    say "image: $image:$build"
    commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
    run docker build --build-arg "BUILD_ID=$build" --build-arg "BUILD_COMMIT=$commit" --tag "$image:$build" "$root"
    if [ "$overlay" = minikube ]; then
        run minikube image load "$image:$build"
    else
        run docker push "$image:$build"
    fi
fi

if due replay; then
    say "replay: histories that were recorded, on the code that is released"
    (cd "$root" && run "$python" -m workflows.replay tests/replay/histories) || exit 1
fi

if due tables; then
    say "tables: migrated by the new image, while the old one still runs"
    run kubectl delete job migration --namespace vistobueno --ignore-not-found --wait
    printf '+ kubectl kustomize %s | (image: %s:%s) | kubectl apply --selector app.kubernetes.io/name=migration --filename -\n' \
        "$base/product" "$image" "$build"
    if [ -z "$dry" ]; then
        rendered=$(kubectl kustomize "$base/product")
        printf '%s\n' "$rendered" | sed "s|image: $image:[^@ ]*\$|image: $image:$build|" |
            kubectl apply --selector app.kubernetes.io/name=migration --filename -
    fi
    run kubectl wait --namespace vistobueno --for=condition=complete job/migration --timeout "${patience}s"
fi

if due workers; then
    say "workers: $build beside the others, without traffic"
    write_build
    run kubectl apply --kustomize "$base/builds/$build"
    run kubectl rollout status --namespace vistobueno "deployment/approvals-$build" --timeout "${patience}s"
    ask "$scripts/await-build" "$build" --wait "$patience"
    [ "$answer" -eq 0 ] || exit 2
fi

if due gate; then
    say "gate: replay both ways, and one run"
    ask "$scripts/run-gate" "$build" --wait "$patience"
    [ "$answer" -ne 1 ] || echo "The gate is shut, so $build gets nothing; its reasons stand above."
    [ "$answer" -eq 0 ] || exit "$answer"
fi

if due ramp; then
    left=$shares
    for share in $shares; do
        say "ramp: $share % of $department"
        ask "$scripts/deploy-selective" "$build" "$department" "$share" --wait "$patience" --why "deploy.sh: $share %"
        case $answer in
        0) ;;
        1) send_back "deploy.sh: it was sent back at $share %" ;;
        *) exit "$answer" ;;
        esac
        ask "$scripts/check-metrics" "$build" --wait "$patience"
        case $answer in
        0) ;;
        1) send_back "deploy.sh: its figures were bad at $share %" ;;
        *)
            echo "Not enough is known at $share %. Nothing was changed; go on with: --from ramp --shares \"$left\""
            exit 2
            ;;
        esac
        left=${left#"$share"}
        left=${left# }
    done
fi

if due promote; then
    say "promote: everybody, by another person"
    if [ -z "${VISTOBUENO_PROMOTER_TOKEN:-}$dry" ]; then
        echo "VISTOBUENO_PROMOTER_TOKEN is not given: another person promotes $build on the page Rollout."
        echo "Then go on with: --from product"
        exit 2
    fi
    # First out of the last step into the bake, then for good; its figures are looked at in between.
    for word in 'the last share is good' 'it has baked'; do
        (
            VISTOBUENO_TOKEN=${VISTOBUENO_PROMOTER_TOKEN:-}
            export VISTOBUENO_TOKEN
            run "$scripts/promote" "$build" --why "deploy.sh: $word" --wait "$patience"
        )
        [ "$word" = 'it has baked' ] || ask "$scripts/check-metrics" "$build" --wait "$patience"
        [ "$answer" -ne 1 ] || send_back "deploy.sh: its figures were bad in the bake"
        [ "$answer" -eq 0 ] || exit "$answer"
    done
fi

if due product; then
    say "product: pages and control on the image of $build"
    echo "+ write $base/release/kustomization.yaml: newTag $build (to be committed)"
    if [ -z "$dry" ]; then
        sed "/newName: *$(printf '%s' "$image" | sed 's|/|\\/|g')\$/{n;s/newTag:.*/newTag: $build/;}" \
            "$base/release/kustomization.yaml" >"$base/release/kustomization.yaml.new"
        mv "$base/release/kustomization.yaml.new" "$base/release/kustomization.yaml"
    fi
    run kubectl apply --kustomize "$base/product"
    for name in control web; do
        run kubectl rollout status --namespace vistobueno "deployment/$name" --timeout "${patience}s"
    done
fi

say "done: $build"
