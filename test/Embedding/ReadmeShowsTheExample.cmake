# README.md shows a program of examples/embed; it is that program.
file(READ ${SOURCE}/README.md readme)
file(READ ${SOURCE}/examples/embed/loaded.c example)
string(FIND "${readme}" "```c\n${example}```" at)
if(at EQUAL -1)
  message(FATAL_ERROR "README.md shows another program than "
                      "examples/embed/loaded.c")
endif()
