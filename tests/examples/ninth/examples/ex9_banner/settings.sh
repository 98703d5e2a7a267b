# shellcheck shell=bash
# The settings of example 9: their defaults and checks. scripts/env.sh reads it, which explains the lines `##`.

## BANNER_WIDTH=80: example 9: the columns that a banner may take
BANNER_WIDTH=${BANNER_WIDTH:-80}
whole_number BANNER_WIDTH 20 200 'make ex9 BANNER_WIDTH=80'
export BANNER_WIDTH
