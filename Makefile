# The front door. Each command is a line or two: what it does is in scripts/, what it needs is set up by itself.
# Variables come from the command line, else the environment, else .env, else the defaults in scripts/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

# Every variable that people set: how the kit works here, which may stand in .env, and what one command alone is told.
# A line each: scripts/lib/variables.sh and launch/unattended.py read them here.
SETTINGS := ANSWER_SECONDS CACHE_SECONDS DB FAIL_RATE GRACE INBOX_PORT LIMIT LLM MARKETING_PORT MARVIN_AGENT_MODEL MAX_RESCUES OPENAI_BASE_URL PREFECT_API_URL PREFECT_PORT PYTHON PYTHON_IMAGE REDIS_IMAGE REDIS_PORT REDIS_URL REMOTE RESCUE SMTP_PORT SMTP_URL TUNED WEB_PORT WHEELS WORKSHOP_HOME WORK_SECONDS
OF_ONE_COMMAND := ALL APPLY AUTO CODE DOCKER EMAIL EX FILTER FORCE FULL LANES MANUAL MINUTES N NAME NAMES NOTES ONCE OUT PEERS PLATFORM Q QUICK RATE SECONDS SEED SERVERS SQL TESTS WAIT WHO
VARIABLES := $(SETTINGS) $(OF_ONE_COMMAND)

# What a person types is data: `$(shell …)` in a name must arrive as it was typed. Plain `export NAME` would let make
# expand the value; taken with $(value) and exported as it is, it does not. Unset variables stay unset.
$(foreach v,$(VARIABLES),$(if $(filter-out undefined,$(origin $(v))),$(eval override $(v) := $$(value $(v)))$(eval export $(v))))
# In bash SECONDS itself counts, so it goes by another name.
ifneq ($(origin SECONDS),undefined)
override CHAOS_SECONDS := $(value SECONDS)
export CHAOS_SECONDS
unexport SECONDS
endif
export WORKSHOP_GOAL := $(firstword $(MAKECMDGOALS))# for remedies: `make … N=3` can be typed by nobody

##@ The room
# An example is a folder: what `make help` says of it is in its example.env.
EXAMPLES := $(sort $(foreach folder,$(wildcard examples/ex*_*),$(firstword $(subst _, ,$(notdir $(folder))))))
.PHONY: $(EXAMPLES)
$(EXAMPLES):
	@scripts/example.sh $(@:ex%=%)

ex%: # no example has this name: one line says so
	@scripts/example.sh $*

.PHONY: submit
submit: ## submit one run to the example that is running [NAME=Marvin] [WAIT=1]
	@scripts/py.sh commands.submit

.PHONY: submit-map
submit-map: ## submit many with map [NAMES="Ford Prefect Slartibartfast"] [N=100]
	@scripts/py.sh commands.submit_map

.PHONY: server
server: ## one more task server for the running example, in this terminal [LIMIT]
	@scripts/server.sh

.PHONY: watch
watch: ## a live board: who runs what, the runs by state, the newest [ONCE=1]
	@scripts/py.sh commands.watch

.PHONY: check
check: ## look at your own code, if there is any, and at the live system: which promises hold? [EX=2] [CODE=my/ex2]
	@scripts/py.sh commands.check

.PHONY: stop
stop: ## stop what the kit started, from any terminal
	@scripts/stop.sh

##@ More in the room
.PHONY: task
task: ## ask example 3's web app for a task, and follow it [NAME=Marvin]
	@scripts/py.sh commands.request_task

.PHONY: signup
signup: ## sign up at example 4, and follow the three tasks [EMAIL=…] [NAME=…] [N=50]
	@scripts/py.sh commands.signup

.PHONY: ask
ask: ## ask example 5 a question, and follow it [Q="What is the meaning of life?"]
	@scripts/ask.sh

.PHONY: chaos
chaos: ## example 6's agents of chaos: kill what you can, lose nothing [N=300] [SECONDS=60] [SEED=…] [MANUAL=1]
	@scripts/py.sh chaos.chaos

.PHONY: runs
runs: ## the newest runs: state, duration, which task server ran them [N=20]
	@scripts/py.sh commands.runs

.PHONY: open
open: ## the Prefect UI in a browser
	@scripts/open.sh

.PHONY: status
status: ## what runs, and whether it is ready
	@scripts/status.sh

.PHONY: help
help: ## the commands of the room; ALL=1: every command, with its variables [ALL=1]
	@scripts/help.sh

##@ In front of the room
.PHONY: demo
demo: ## play the chapter of example EX, a key press a step [EX=2] [AUTO=1] [NOTES=1] [ALL=1]
	@scripts/py.sh show.demo

.PHONY: tour
tour: ## every example in turn, unattended, each with its proof [DOCKER=1] [EX=2]
	@scripts/py.sh show.tour

.PHONY: kill
kill: ## kill -9 for one process of the running example; asks which [WHO=task_server.1]
	@scripts/py.sh commands.kill

.PHONY: rescue
rescue: ## put stranded and orphaned runs back in the queue, once, and say why [MAX_RESCUES=3]
	@scripts/py.sh commands.rescue

##@ Write it yourself
.PHONY: code
code: ## a skeleton of example EX, in my/exN: `make ex2 CODE=my/ex2` runs it [EX=2]
	@scripts/code.sh code

.PHONY: solve
solve: ## the difference between your files and the finished ones; APPLY=1 takes those [EX=2] [APPLY=1]
	@scripts/code.sh solve

.PHONY: reset
reset: ## start again from the skeleton; what you had is kept as my/exN.1 [EX=2]
	@scripts/code.sh reset

##@ Looking inside
.PHONY: db
db: ## the database file and its newest task runs; a read-only query [SQL="select …"] [N=10]
	@scripts/py.sh commands.db

.PHONY: shell
shell: ## a shell with the kit's environment: `python task_server.py` works there
	@scripts/shell.sh

.PHONY: env
env: ## the same environment as `export` lines, for eval
	@scripts/print_env.sh

.PHONY: bench
bench: ## measure this machine against the tutorial's own set-up; or example 4's request [QUICK=1] [FULL=1] [PEERS=1] [EX=4]
	@scripts/bench.sh

##@ Before and after
.PHONY: setup
setup: ## .venv and the database; whatever needs it does it by itself [EX=4|5|all] [PYTHON=python3.13] [WHEELS=dir-or-URL]
	@scripts/setup.sh

.PHONY: setup-local-llm
setup-local-llm: ## the small model of example 5, for a machine without a key: 200 MB
	@scripts/setup_local_llm.sh

.PHONY: doctor
doctor: ## check this machine; each finding with its remedy
	@scripts/doctor.sh

.PHONY: prefetch
prefetch: ## everything for a venue without a network: packages, the local model, images
	@scripts/prefetch.sh

.PHONY: bundle
bundle: ## collect the wheels for machines without a network [PLATFORM=all] [LLM=local] [WHEELS=wheels]
	@scripts/bundle.sh

.PHONY: clean
clean: ## stop, and delete the run data; the set-up stays
	@scripts/clean.sh

.PHONY: distclean
distclean: ## clean, and delete .venv too
	@scripts/clean.sh --all

##@ For those who change the kit
.PHONY: test
test: ## the suite, against real processes [TESTS=tests/ex2.bats]
	@scripts/test.sh

.PHONY: test-long
test-long: ## the long tests: whole set-ups, benchmarks, the local model, every thing to try
	@LONG=1 scripts/test.sh

.PHONY: test-docker
test-docker: ## the tests that need a Docker engine
	@DOCKER=1 scripts/test.sh

.PHONY: test-chaos
test-chaos: ## many rounds of chaos with different seeds [N=20] [SEED=1] [SECONDS=30]
	@scripts/test_chaos.sh

.PHONY: soak
soak: ## a steady rate for long: does memory grow, or the number of open files? [MINUTES=30] [RATE=5]
	@scripts/py.sh chaos.soak

.PHONY: lint
lint: ## the fast static checks
	@scripts/lint.sh

.PHONY: pictures
pictures: ## make the READMEs' pictures again, from the real thing [EX=2] [OUT=docs]
	@scripts/py.sh show.pictures

.PHONY: lock
lock: ## resolve pyproject.toml into requirements/*.txt again
	@scripts/lock.sh
